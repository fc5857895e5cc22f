"""Media: uploaded first, described, then attached to a status."""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox.media_kinds import Kind, kind_of
from sandbox.platforms.mastodon import shapes
from sandbox.platforms.mastodon.dialects import NOT_READY
from sandbox.platforms.mastodon.server import ROUTES, Mastodon
from sandbox.records import Media, Person
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request, Upload, json_answer

STILL_PICTURES = ("image/jpeg", "image/png", "image/webp")
GIF_MATRIX_LIMIT = 921_600  # of Mastodon's source, not in its instance document


# https://docs.joinmastodon.org/methods/media/#v2
@ROUTES.add("POST", "/api/v2/media", Operation.UPLOAD, can_process=True)
def upload(server: Mastodon, request: Request) -> Answer:
    if not server.options.has_v2_media:
        raise server.not_found()
    media = store(server, request, waits=False)
    return json_answer(
        200 if request.at_ms >= media.ready_ms else 202, shapes.attachment(media, server.site, request.at_ms)
    )


# https://docs.joinmastodon.org/methods/media/#v1 (deprecated; answers when the file is ready)
@ROUTES.add("POST", "/api/v1/media", Operation.UPLOAD)
def upload_and_wait(server: Mastodon, request: Request) -> Answer:
    media = store(server, request, waits=True)
    return json_answer(200, shapes.attachment(media, server.site, request.at_ms))


# https://docs.joinmastodon.org/methods/media/#get
@ROUTES.add("GET", "/api/v1/media/{id}", Operation.UPLOAD)
def show(server: Mastodon, request: Request) -> Answer:
    media = own_unattached(server, request)
    if media.is_failed and request.at_ms >= media.ready_ms:
        raise Refused(server.dialect.failed_media())
    return json_answer(
        200 if request.at_ms >= media.ready_ms else 206, shapes.attachment(media, server.site, request.at_ms)
    )


# https://docs.joinmastodon.org/methods/media/#update
@ROUTES.add("PUT", "/api/v1/media/{id}", Operation.UPLOAD)
def describe(server: Mastodon, request: Request) -> Answer:
    media = own_unattached(server, request)
    fields = request.fields()
    if "description" in fields:
        media.alt_text = description(server, fields)
    if "focus" in fields:
        media.focus = focus(fields)
    return json_answer(200, shapes.attachment(media, server.site, request.at_ms))


# Where MediaAttachment.url and preview_url point.
@ROUTES.add("GET", "/system/media_attachments/files/{id}/original", Operation.OTHER)
def show_file(server: Mastodon, request: Request) -> Answer:
    media = server.site.media.get(request.args["id"])
    data = server.world.files.find(server.site.name, request.args["id"])
    if media is None or data is None or request.at_ms < media.ready_ms:
        raise server.not_found()
    return Answer(200, data, media.mime_type.encode(), [(b"x-content-type-options", b"nosniff")])


def store(server: Mastodon, request: Request, *, waits: bool) -> Media:
    """Check the upload and keep it. Raises Refused."""
    person, _ = server.person(request, "write", "write:media")
    fields = request.fields()
    file = fields.get("file")
    if not isinstance(file, Upload):
        raise Refused(server.dialect.invalid("File can't be blank"))
    kind = kind_of(file.data)
    if kind is None or kind.mime_type not in server.options.supported_mime_types:
        raise Refused(server.dialect.bad_file())
    check_size(server, kind, len(file.data))
    is_large = kind.mime_type not in STILL_PICTURES
    media = Media(
        id=server.site.ids.next_at(request.at_ms),
        owner=person,
        kind=attachment_type(kind),
        mime_type=kind.mime_type,
        size=len(file.data),
        sha256=hashlib.sha256(file.data).hexdigest(),
        filename=file.filename,
        alt_text=description(server, fields),
        ready_ms=request.at_ms if waits else request.at_ms + working_ms(server, request, kind),
        width=kind.width,
        height=kind.height,
        focus=focus(fields),
        is_failed=is_large and server.options.processing_fails,
    )
    server.site.media[media.id] = media
    server.world.files.keep(server.site.name, media.id, file.data)
    return media


def check_size(server: Mastodon, kind: Kind, size: int) -> None:
    options = server.options
    limit = options.image_size_limit if kind.mime_type.startswith("image/") else options.video_size_limit
    if size >= limit:
        raise Refused(server.dialect.invalid(f"File file size must be less than {limit >> 20} MB"))
    matrix = options.image_matrix_limit
    if kind.mime_type == "image/gif" and server.dialect.processes_media:
        matrix = min(matrix, GIF_MATRIX_LIMIT)
    if kind.width and kind.height and kind.width * kind.height > matrix:
        raise Refused(server.dialect.refused(f"{kind.width}x{kind.height} images are not supported"))


def attachment_type(kind: Kind) -> str:
    if kind.mime_type in STILL_PICTURES:
        return "image"
    return "gifv" if kind.mime_type == "image/gif" else kind.mime_type.partition("/")[0]


def working_ms(server: Mastodon, request: Request, kind: Kind) -> int:
    """Return how long the server works on it: pictures are ready at once unless a fault says otherwise."""
    if not server.dialect.processes_media:
        return request.processing_ms
    own_ms = 0 if kind.mime_type in STILL_PICTURES else server.options.video_processing_ms
    return max(own_ms, request.processing_ms)


def description(server: Mastodon, fields: dict[str, Any]) -> str | None:
    value, limit = fields.get("description"), server.options.description_limit
    if not isinstance(value, str) or not value:
        return None
    if len(value) > limit:
        raise Refused(server.dialect.invalid(f"Description is too long (maximum is {limit} characters)"))
    return value


def focus(fields: dict[str, Any]) -> tuple[float, float] | None:
    x, _, y = str(fields.get("focus") or "").partition(",")
    try:
        return max(-1.0, min(1.0, float(x))), max(-1.0, min(1.0, float(y)))
    except ValueError:
        return None


def own_unattached(server: Mastodon, request: Request) -> Media:
    person, _ = server.person(request, "write", "write:media")
    media = server.site.media.get(request.args["id"])
    if media is None or not is_usable(server, media, person, request.at_ms):
        raise server.not_found()
    return media


def is_usable(server: Mastodon, media: Media, person: Person, at_ms: int) -> bool:
    """Return whether a status of this person could have it: what no status has is thrown away after a while."""
    is_kept = at_ms < (int(media.id) >> 16) + server.options.media_ttl_s * 1000
    return media.owner is person and media.post is None and is_kept


def to_attach(server: Mastodon, person: Person, ids: list[str], at_ms: int) -> tuple[Media, ...]:
    """Return the media of a new status, in the order given. Raises Refused."""
    limit = server.options.max_media_attachments
    if len(ids) > limit:
        raise Refused(server.dialect.invalid(f"Cannot attach more than {limit} files"))
    found = [server.site.media.get(media_id) for media_id in ids]
    media = tuple(item for item in found if item is not None and is_usable(server, item, person, at_ms))
    missing = [media_id for media_id in ids if media_id not in {item.id for item in media}]
    if (missing and not server.options.drops_unknown_media) or len(set(ids)) != len(ids):
        raise Refused(server.dialect.unknown_media(missing or ids))
    if len(media) > 1 and any(item.kind != "image" for item in media):
        raise Refused(server.dialect.invalid("Cannot attach a video to a post that already contains images"))
    if any(at_ms < item.ready_ms or item.is_failed for item in media):
        raise Refused(server.dialect.invalid(NOT_READY))
    return media
