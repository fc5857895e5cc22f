"""The files of a post on their way into the repository: pictures and captions as they are, videos through the video
service.

Nothing of it is visible before a record refers to it, and the same bytes have the same name: sent twice is sent once.
Sources: https://atproto.com/specs/blob, https://docs.bsky.app/docs/tutorials/video, and the lexicons of app.bsky.embed
and app.bsky.video (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.contract import MediaUse, Pending, Progress, Target
from integrations.errors import CallFailed, NeedsReconnect, Rejected, Unavailable
from integrations.platforms.bluesky.addresses import own_did, video_service_of
from integrations.platforms.bluesky.capabilities import MAX_IN_IMAGES
from integrations.platforms.bluesky.errors import error_from, error_name
from integrations.protocols.uploads import Kept, Uploads, file_of
from integrations.protocols.values import object_in, text_in
from mastablasta.core.media_rules import MediaRule
from mastablasta.core.outbound import Auth, Http, Response

UPLOAD_BLOB = "com.atproto.repo.uploadBlob"
SERVICE_AUTH = "com.atproto.server.getServiceAuth"
UPLOAD_VIDEO = "app.bsky.video.uploadVideo"
JOB_STATUS = "app.bsky.video.getJobStatus"
UPLOAD_LIMITS = "app.bsky.video.getUploadLimits"

TOKEN_LIVES = timedelta(minutes=30)


class PostMedia(Uploads):
    """Each file is kept as the reference to it, as the service gave it.

    Beside them in `progress`, `job`: the video that is worked on, by its `id`, and `since` when; without `id` it has to
    be sent once more. Two kinds of video go straight into the repository, as pictures do: one that was gone when the
    record was written, since the video service would only name the file that is gone, and one of a service that has no
    video methods (`no_video_methods`), as a PDS on its own.
    """

    progress_key = "blobs"
    again_key = "again"
    shortest_wait, longest_wait = timedelta(seconds=2), timedelta(seconds=5)
    longest_processing = timedelta(hours=1)

    def __init__(self, http: Http, target: Target, media: Sequence[MediaUse], progress: Progress) -> None:
        super().__init__(http, target, media, progress)
        self.did = str(target.info.get("did") or own_did(target.base_url))
        self.video_address, self.video_did = video_service_of(target.base_url, self.did)

    def send(self, position: int, use: MediaUse) -> Pending | None:
        if sum(one.role == "content" for one in self.media) > 1 and any(map(is_video, self.media)):
            sentence = "Bluesky takes one video in a post, or pictures; leave the others out."
            raise Rejected(sentence, code="too_many_media")
        try:
            blob = self._video(use) if is_video(use) and not self._skips_service else self._upload(use)
        except _NoVideoMethods:
            self.progress.save(no_video_methods=True)
            blob = self._upload(use)
        if isinstance(blob, Pending):
            return blob
        self.keep(position, **blob)
        return None

    @property
    def _skips_service(self) -> bool:
        return any(self.progress.data.get(name) for name in (self.again_key, "no_video_methods"))

    def _upload(self, use: MediaUse) -> Kept:
        """Source: https://docs.bsky.app/docs/api/com-atproto-repo-upload-blob (read 2026-11-23)."""
        answer = self.transfer(use.size, f"/xrpc/{UPLOAD_BLOB}", data=file_of(use))
        if not answer.is_ok:
            raise error_from(answer)
        blob = blob_in(answer.fields())
        if blob is None:
            raise answer.in_doubt("names no file", code="unreadable")
        return blob

    # --- videos ---
    def _video(self, use: MediaUse) -> Kept | Pending:
        job = self.progress.data.get("job") or {}
        if job.get("id"):
            return self._ask(job)
        self._check_allowed(use)
        answer = self.transfer(
            use.size,
            f"/xrpc/{UPLOAD_VIDEO}",
            http=self._video_service(UPLOAD_BLOB, self.did),
            params={"did": self.target.remote_id, "name": file_of(use).filename},
            data=file_of(use),
        )
        status = _job_in(answer)
        if not status.get("jobId"):
            raise _video_refusal(_with_method(answer))
        job = {**job, "id": str(status["jobId"]), "since": datetime.now(UTC).isoformat()}
        self.progress.save(job=job)
        return self._outcome(job, status)

    def _ask(self, job: Mapping[str, Any]) -> Kept | Pending:
        """Source: https://docs.bsky.app/docs/api/app-bsky-video-get-job-status (read 2026-11-23)."""
        answer = self.http.elsewhere(self.video_address).get(f"/xrpc/{JOB_STATUS}", params={"jobId": job["id"]})
        if answer.is_ok:
            status = _job_in(answer)
            if not status.get("state") and blob_in(status) is None:
                raise answer.in_doubt("says nothing of the video", code="unreadable")
            return self._outcome(job, status)
        if answer.server_trouble or answer.status in {408, 429}:
            raise error_from(answer)
        if job.get("is_second"):
            raise Rejected("Bluesky has lost the video twice.", code="video_lost", http_status=answer.status)
        self.progress.save(job={"is_second": True})
        return Pending(datetime.now(UTC))

    def _outcome(self, job: Mapping[str, Any], status: Mapping[str, Any]) -> Kept | Pending:
        """A file that is named counts, whatever else is said: what exists already comes with an error."""
        if (blob := blob_in(status)) is not None:
            return blob
        if status.get("state") == "JOB_STATE_FAILED":
            code = text_in(status, "failureCode") or "processing_failed"
            raise Rejected(f"Bluesky could not use the video: {_why(status)}", code=code[:60])
        return self.wait(since=datetime.fromisoformat(str(job["since"])))

    def _check_allowed(self, use: MediaUse) -> None:
        """Ask before so many bytes leave. Source:
        https://docs.bsky.app/docs/api/app-bsky-video-get-upload-limits (read 2026-11-23).
        """
        answer = _with_method(self._video_service(UPLOAD_LIMITS, self.video_did).get(f"/xrpc/{UPLOAD_LIMITS}"))
        if answer.server_trouble or answer.status in {408, 429}:
            raise error_from(answer)
        said = answer.fields() if answer.is_ok else {}  # whoever does not say it says it at the upload
        left = said.get("remainingDailyBytes")
        if said.get("canUpload") is False:
            sentence = f"Bluesky takes no video of this account now: {_why(said)}"
            raise Rejected(sentence, code="video_not_allowed", http_status=answer.status)
        if isinstance(left, int) and left < use.size:
            sentence = f"Bluesky takes only {left} more bytes of video of this account today; this has {use.size}."
            raise Rejected(sentence, code="video_not_allowed", http_status=answer.status)

    def _video_service(self, method: str, audience: str) -> Http:
        """The video service, spoken to with a token for one method of the service with the DID `audience`.

        Source: https://docs.bsky.app/docs/api/com-atproto-server-get-service-auth (read 2026-11-23).
        """
        expires = int((datetime.now(UTC) + TOKEN_LIVES).timestamp())
        answer = self.http.get(f"/xrpc/{SERVICE_AUTH}", params={"aud": audience, "lxm": method, "exp": expires})
        if not answer.is_ok:
            raise error_from(_with_method(answer))
        token = text_in(answer.fields(), "token")
        if not token:
            raise answer.in_doubt("holds no token", code="unreadable")
        return self.http.elsewhere(self.video_address).with_auth(Auth(token))


class _NoVideoMethods(Exception):
    """The service does not know a method that videos need."""


def _with_method(answer: Response) -> Response:
    """The answer, of whatever kind. Raises _NoVideoMethods where a service says that it has no such method: by itself,
    through the AppView behind it, or by a page of the proxy before it. Its own trouble is none of these.

    Source: ResponseType in packages/xrpc of https://github.com/bluesky-social/atproto (read 2026-11-28).
    """
    if (answer.status, error_name(answer)) in {(501, "MethodNotImplemented"), (404, "XRPCNotSupported"), (404, "")}:
        raise _NoVideoMethods
    return answer


def is_video(use: MediaUse) -> bool:
    return use.mime_type.startswith("video/")


def embed_of(
    media: Sequence[MediaUse], blobs: Sequence[Kept], captions: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """What a post's record shows: one video with its captions, or pictures. `captions`: what the option says of each.

    Source: lexicons/app/bsky/embed (read 2026-11-23).
    """
    sent = list(zip(media, blobs, strict=True))
    first, blob = next(one for one in sent if one[0].role == "content")
    if is_video(first):
        embed: dict[str, Any] = {"$type": "app.bsky.embed.video", "video": blob, **_aspect(first)}
        files = [blob for use, blob in sent if use.role == "captions"]
        if told := [{"lang": said["lang"], "file": file} for file, said in zip(files, captions, strict=False)]:
            embed["captions"] = told
        if first.alt_text:
            embed["alt"] = first.alt_text
        if first.kind == "animation":
            embed["presentation"] = "gif"
        return embed
    items = [{"image": blob, "alt": use.alt_text, **_aspect(use)} for use, blob in sent]
    if len(items) <= MAX_IN_IMAGES:
        return {"$type": "app.bsky.embed.images", "images": items}
    kind = "app.bsky.embed.gallery"
    return {"$type": kind, "items": [{"$type": f"{kind}#image", **item} for item in items]}


def within(rule: MediaRule, max_bytes: int) -> MediaRule:
    """The rule at a service that takes no file larger than `max_bytes`."""
    images, animations, videos = rule.images, rule.animations, rule.videos
    return replace(
        rule,
        images=images and replace(images, max_bytes=min(images.max_bytes, max_bytes)),
        animations=animations and replace(animations, max_bytes=min(animations.max_bytes, max_bytes)),
        videos=videos and replace(videos, max_bytes=min(videos.max_bytes, max_bytes)),
    )


def _aspect(use: MediaUse) -> dict[str, Any]:
    return {"aspectRatio": {"width": use.width, "height": use.height}} if use.width and use.height else {}


def blob_in(fields: Mapping[str, Any]) -> Kept | None:
    """The reference under `blob`, which goes into records unchanged; None where there is none."""
    blob = object_in(fields, "blob")
    return dict(blob) if text_in(blob.get("ref"), "$link") else None


def _job_in(answer: Response) -> Mapping[str, Any]:
    """The state of a job: the lexicon has it under `jobStatus`, the live service at the top."""
    fields = answer.fields()
    return object_in(fields, "jobStatus") or fields


def _why(status: Mapping[str, Any]) -> str:
    """What the service says, for people."""
    return text_in(status, "message", "error")[:300] or "it does not say why."


def _video_refusal(answer: Response) -> CallFailed:
    """What to raise for a video that was not taken. Its service knows no session of ours: none is to be refreshed."""
    if answer.is_ok:
        return answer.in_doubt("names no job", code="unreadable")
    if answer.server_trouble or answer.status in {408, 429}:
        return error_from(answer)
    status = _job_in(answer)
    if status.get("error") or status.get("message"):
        sentence = f"Bluesky does not take the video: {_why(status)}"
        return Rejected(sentence, code="video_refused", http_status=answer.status)
    failure = error_from(answer)
    if isinstance(failure, NeedsReconnect):
        return Unavailable("The video service does not accept our token.", code="token_refused", http_status=401)
    return failure
