"""Containers: made of a file that is fetched or uploaded, or of others; worked on, and published once.

Sources: https://developers.facebook.com/docs/instagram-platform/content-publishing,
…/content-publishing/resumable-uploads, …/instagram-graph-api/reference/ig-user/media and
…/reference/error-codes (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from sandbox.graph import NO_OBJECT, VERSIONED, Caller, endpoint, refused
from sandbox.media_kinds import Kind, kind_of
from sandbox.platforms.instagram.server import FETCHED, ROUTES, Account, Container, Instagram, is_own_host
from sandbox.records import Media
from sandbox.routing import Operation
from sandbox.wire import Fetched, Refused, Request

DAY_MS = 86_400_000
MAX_CAPTION, MAX_HASHTAGS, MAX_MENTIONS, MAX_ALT_TEXT = 2_200, 30, 20, 1_000
MAX_IMAGE, MAX_VIDEO, MAX_STORY_VIDEO = 8_000_000, 300_000_000, 100_000_000
MIN_RATIO, MAX_RATIO = 4 / 5, 1.91
VIDEOS = frozenset({"video/mp4", "video/quicktime"})
OF_ALL = frozenset({"access_token", "appsecret_proof", "media_type"})
OF_POSTS = frozenset({"caption", "collaborators", "location_id"})
OF_FILES = frozenset({"image_url", "video_url", "upload_type", "user_tags"})
# What a container of each kind takes beside what all take.
TAKEN: dict[str, frozenset[str]] = {
    "IMAGE": OF_POSTS | OF_FILES | {"alt_text"},
    "CHILD": OF_FILES | {"alt_text", "is_carousel_item"},
    "CAROUSEL": OF_POSTS | {"children"},
    "REELS": OF_POSTS | OF_FILES | {"cover_url", "thumb_offset", "share_to_feed", "audio_name"},
    "STORIES": OF_FILES,
}
NOT_SIMULATED = frozenset({"product_tags", "trial_params", "audio_configuration", "is_ai_generated"})


@endpoint(ROUTES, "POST", "/{account}/media", Operation.UPLOAD, can_process=True)
def create(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    account = server.account_called(request, caller)
    server.check_permission(request, caller, "content_publish")
    fields = request.fields()
    media_type = type_of(fields)
    refuse_unfit(request, media_type, fields)
    container = Container(
        id=server.site.ids.next_at(request.at_ms),
        account=account.id,
        media_type=media_type,
        fields={name: value for name, value in fields.items() if name not in FETCHED},
        created_ms=request.at_ms,
        failure=server.options.container_failure,
    )
    if media_type == "CAROUSEL":
        container.children = children_of(server, account, fields, request.at_ms)
        container.ready_ms = request.at_ms
    elif fields.get("upload_type") != "resumable":
        data = fetched_file(request, fields)
        arrive(server, container, data, request, is_image=bool(fields.get("image_url")))
    server.containers[container.id] = container
    if fields.get("upload_type") != "resumable":
        return {"id": container.id}
    versioned = VERSIONED.fullmatch(request.path)
    uri = f"{server.site.url}/ig-api-upload/{versioned[1] if versioned else ''}/{container.id}"
    return {"id": container.id, "uri": uri}


def type_of(fields: dict[str, Any]) -> str:
    """Return which kind of container is asked for. Raises Refused."""
    given = str(fields.get("media_type") or "IMAGE")
    if str(fields.get("is_carousel_item")) == "true" and given in {"IMAGE", "VIDEO"}:
        return "CHILD"
    if given not in {"IMAGE", "CAROUSEL", "REELS", "STORIES"}:
        raise refused(f"(#100) Unknown media type: {given}", 100, 2207023)
    return given


def refuse_unfit(request: Request, media_type: str, fields: dict[str, Any]) -> None:
    """Raises Refused for what a container of this kind does not take."""
    for name in fields:
        if name in NOT_SIMULATED or name not in OF_ALL | TAKEN[media_type]:
            raise refused(f"(#100) Invalid parameter: {name} is none of a container of {media_type}", 100)
    if is_own_host(request) and (fields.get("upload_type") or fields.get("location_id")):
        raise refused("(#100) Invalid parameter: not for accounts of Instagram Login", 100)
    caption = str(fields.get("caption") or "")
    if len(caption) > MAX_CAPTION or caption.count("@") > MAX_MENTIONS:
        raise refused("(#100) The caption was too long", 100, 2207010)
    if caption.count("#") > MAX_HASHTAGS:
        raise refused("(#100) Too many tags", 100, 2207040)
    if len(str(fields.get("alt_text") or "")) > MAX_ALT_TEXT:
        raise refused("(#100) alt_text is too long", 100)
    if len(listed(fields, "collaborators")) > 3:
        raise refused("(#100) Too many collaborators", 100)
    for tag in listed(fields, "user_tags"):
        has_place = isinstance(tag, dict) and "x" in tag and "y" in tag
        if not isinstance(tag, dict) or not tag.get("username") or (fields.get("image_url") and not has_place):
            raise refused("(#100) Param user_tags is not valid", 100)
    sources = [name for name in ("image_url", "video_url") if fields.get(name)]
    is_uploaded = fields.get("upload_type") == "resumable"
    if media_type != "CAROUSEL" and len(sources) + is_uploaded != 1:
        raise refused("(#100) The parameter image_url or video_url is required.", 100)
    if (media_type == "REELS" and fields.get("image_url")) or (media_type == "IMAGE" and "image_url" not in sources):
        raise refused("(#100) Only photo or video can be accepted as media type.", 9004, 2207052)


def listed(fields: dict[str, Any], name: str) -> list[Any]:
    """Return a list that stands in a form as JSON. Raises Refused."""
    given = fields.get(name)
    try:
        value = orjson.loads(given) if isinstance(given, str) and given else given or []
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, list):
        raise refused(f"(#100) Param {name} must be an array.", 100)
    return value


def children_of(server: Instagram, account: Account, fields: dict[str, Any], at_ms: int) -> list[str]:
    given = fields.get("children")
    names = given if isinstance(given, list) else str(given or "").split(",")
    if not 2 <= len(names) <= 10:
        raise refused("(#100) A carousel has 2 to 10 items", 100, 2207028)
    for name in names:
        child = own_container(server, account, name, "post")
        if child.media_type != "CHILD" or status_of(server, child, at_ms) not in {"FINISHED", "IN_PROGRESS"}:
            raise refused("(#24) The child cannot be used", 24, 2207006)
    return [str(name) for name in names]


# --- files ---


def fetched_file(request: Request, fields: dict[str, Any]) -> bytes:
    """Return the file that was fetched, and look at the cover beside it. Raises Refused."""
    if fields.get("cover_url"):
        check_image(good(request.fetched[str(fields["cover_url"])]), is_story=True)
    url = str(fields.get("image_url") or fields.get("video_url"))
    return good(request.fetched[url])


def good(file: Fetched) -> bytes:
    """Return the bytes of what was fetched whole. Raises Refused."""
    if file.is_late:
        raise refused("(#-2) It takes too long to download the media.", -2, 2207003)
    if file.status != 200:
        raise refused("(#9004) The media could not be fetched from this uri.", 9004, 2207052)
    return file.data


def arrive(server: Instagram, container: Container, data: bytes, request: Request, *, is_image: bool) -> None:
    """The whole file is there: judge it, and begin to work on it. Raises Refused for a picture that does not fit."""
    kind = check_image(data, is_story=container.media_type == "STORIES") if is_image else kind_of(data)
    if not is_image and not is_good_video(container, kind, data):
        container.failure = 2207026
    work_ms = server.options.image_processing_ms if is_image else server.options.video_processing_ms
    container.ready_ms = request.at_ms + max(work_ms, request.processing_ms)
    account = next(one for one in server.accounts.values() if one.id == container.account)
    container.media = Media(
        id=container.id,
        owner=account.person,
        kind="image" if is_image else "video",
        mime_type=kind.mime_type if kind else "application/octet-stream",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        filename="",
        alt_text=str(container.fields.get("alt_text") or "") or None,
        ready_ms=container.ready_ms,
        width=kind.width if kind else None,
        height=kind.height if kind else None,
    )
    container.data = b""
    server.site.media[container.id] = container.media
    server.world.files.keep(server.site.name, container.id, data)


def is_good_video(container: Container, kind: Kind | None, data: bytes) -> bool:
    most = MAX_STORY_VIDEO if container.media_type == "STORIES" else MAX_VIDEO
    return kind is not None and kind.mime_type in VIDEOS and len(data) <= most


def check_image(data: bytes, *, is_story: bool) -> Kind:
    """Return what kind of picture it is. Raises Refused for all but a JPEG of a good size and shape."""
    kind = kind_of(data)
    if kind is None or kind.mime_type != "image/jpeg":
        raise refused("(#36001) The image format is not supported.", 36001, 2207005)
    if len(data) > MAX_IMAGE:
        raise refused("(#36000) The image is too large to download.", 36000, 2207004)
    ratio = (kind.width or 1) / (kind.height or 1)
    if not is_story and not MIN_RATIO - 0.01 <= ratio <= MAX_RATIO + 0.01:
        raise refused("(#36003) The aspect ratio is not supported.", 36003, 2207009)
    return kind


# https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads
@endpoint(ROUTES, "POST", "/ig-api-upload/{version}/{id}", Operation.UPLOAD, can_process=True)
def transfer(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    """Keep what stands in the body from `offset` on."""
    container = own_container(server, server.own_account(request, caller), request.args["id"], "post")
    offset, size = request.header(b"offset") or "", request.header(b"file_size") or ""
    if not offset.isdecimal() or not size.isdecimal() or int(offset) > container.arrived_bytes:
        raise refused("(#100) The headers offset and file_size are required.", 100)
    if container.media is None:
        container.data, container.size = container.data[: int(offset)] + request.body, int(size)
        if len(container.data) >= container.size:
            arrive(server, container, container.data, request, is_image=False)
    return {"success": True, "message": "Upload successful."}


# --- how far it is, and publishing it ---


def status_of(server: Instagram, container: Container, at_ms: int) -> str:
    if container.post:
        return "PUBLISHED"
    if at_ms >= container.created_ms + server.options.container_ttl_s * 1000:
        return "EXPIRED"
    children = [status_of(server, server.containers[name], at_ms) for name in container.children]
    if "ERROR" in children:
        return "ERROR"
    is_whole = container.media is not None or bool(container.children)
    if not is_whole or at_ms < container.ready_ms or "IN_PROGRESS" in children:
        return "IN_PROGRESS"
    return "ERROR" if container.failure else "FINISHED"


def shown(server: Instagram, container: Container, fields: set[str], at_ms: int) -> dict[str, Any]:
    """Return what is said of a container."""
    code = status_of(server, container, at_ms)
    said = {
        "IN_PROGRESS": "In Progress: Media is still being processed.",
        "FINISHED": "Finished: Media has been uploaded and it is ready to be published.",
        "ERROR": f"Error: Media upload has failed with error code {container.failure}",
    }
    uploading = {
        "status": "complete" if container.media is not None else "in_progress",
        "bytes_transferred": container.arrived_bytes,
    }
    whole = {
        "status_code": code,
        "status": said.get(code, code.capitalize()),
        "video_status": {"uploading_phase": uploading},
    }
    return {"id": container.id, **{name: value for name, value in whole.items() if name in fields}}


def own_container(server: Instagram, account: Account, container_id: str, method: str) -> Container:
    """Return a container of this account's. Raises Refused."""
    container = server.containers.get(container_id)
    if container is None or container.account != account.id:
        raise missing(container_id, method)
    return container


def missing(object_id: str, method: str) -> Refused:
    return refused(NO_OBJECT.format(method=method, id=object_id), 100, 33, type="GraphMethodException")


# https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/content_publishing_limit
@endpoint(ROUTES, "GET", "/{account}/content_publishing_limit", Operation.OTHER)
def publishing_limit(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    account = server.account_called(request, caller)
    config = {"quota_total": server.options.publishing_quota, "quota_duration": 86_400}
    return {"data": [{"quota_usage": used(server, account, request.at_ms), "config": config}]}


def used(server: Instagram, account: Account, at_ms: int) -> int:
    return sum(moment > at_ms - DAY_MS for moment in server.published.get(account.id, ()))
