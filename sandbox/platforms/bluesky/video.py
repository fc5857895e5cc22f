"""The video service, https://video.bsky.app: takes a video, works on it, and puts it into its owner's repository.

Here it is at the service's own address and has its DID, unless the service is without one. The file comes out as it
went in.
Sources: https://docs.bsky.app/docs/tutorials/video, the lexicons of app.bsky.video, and answers of the live service,
https://github.com/bluesky-social/atproto/issues/3097 (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sandbox.media_kinds import kind_of
from sandbox.platforms.bluesky import errors
from sandbox.platforms.bluesky.accounts import Account, Job
from sandbox.platforms.bluesky.blobs import UPLOAD, store
from sandbox.platforms.bluesky.queries import params
from sandbox.platforms.bluesky.server import ROUTES, Bluesky
from sandbox.quotas import Quota
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request, html_answer, json_answer

LIMITS = "app.bsky.video.getUploadLimits"
DAY_S = 86_400
DAILY_BYTES = 10_000_000_000
STATES = ("CREATED", "ENCODING", "ENCODED", "SCANNING", "SCANNED", "UPLOADING", "UPLOADED")
ALREADY = {"error": "already_exists", "message": "Video already processed"}
SAID = {
    "validation_failure": "The video could not be read",
    "encoding_failure": "Failed to process video",
    "pds_upload_failure": "Failed to upload the video to the PDS",
    "pds_upload_unsupported_blob_size": "The PDS does not accept a file of this size",
    "generic_failure": "Failed to process video",
}


# https://docs.bsky.app/docs/api/app-bsky-video-upload-video
@ROUTES.add("POST", "/xrpc/app.bsky.video.uploadVideo", Operation.UPLOAD, can_process=True)
def upload(server: Bluesky, request: Request) -> Answer:
    """Begin to work on a video. The same one again, unless it failed, is 409 with the job of the first time, which
    says the file only when it is asked.
    """
    check_has_methods(server)
    account = server.served(request, UPLOAD, server.did)
    query = params(request, "did", "name")
    if query["did"] != account.did:
        raise errors.refuse(403, "Forbidden", "did does not match the token")
    if not request.body:
        raise errors.invalid("A request body is expected but none was provided")
    kind = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if not kind.startswith("video/"):
        raise errors.invalid(f"Wrong request encoding (Content-Type): {kind}")
    why = refusal(server, account, request.at_ms)
    if why is not None:
        bare = {"jobId": "", "did": "", "state": "", **why}
        return json_answer(400, {"jobStatus": bare})
    digest = hashlib.sha256(request.body).hexdigest()
    known = next((job for job in server.jobs.values() if (job.account, job.sha256) == (account, digest)), None)
    if known is not None and not known.failure:
        begun = {"jobId": known.id, "did": account.did, "state": about(known, request.at_ms)["state"]}
        return job_answer(server, 409, {**begun, **ALREADY})
    server.meter.read(account.did, videos(server), request.at_ms, spend=1)
    job = begin(server, account, request, digest)
    return job_answer(server, 200, about(job, request.at_ms))


# https://docs.bsky.app/docs/api/app-bsky-video-get-job-status
@ROUTES.add("GET", "/xrpc/app.bsky.video.getJobStatus", Operation.UPLOAD)
def job_status(server: Bluesky, request: Request) -> Answer:
    """Say how far it is; whoever knows the job may ask."""
    check_has_methods(server)
    job = server.jobs.get(params(request, "jobId")["jobId"])
    if job is None:
        raise errors.refuse(404, "JobNotFound", "job not found")
    settle(server, job, request.at_ms)
    return json_answer(200, {"jobStatus": about(job, request.at_ms)})


# https://docs.bsky.app/docs/api/app-bsky-video-get-upload-limits
@ROUTES.add("GET", f"/xrpc/{LIMITS}", Operation.OTHER)
def upload_limits(server: Bluesky, request: Request) -> Answer:
    check_has_methods(server)
    account = server.served(request, LIMITS, server.did)
    why = refusal(server, account, request.at_ms)
    if why is not None:
        return json_answer(200, {"canUpload": False, **why})
    left = server.meter.read(account.did, videos(server), request.at_ms).remaining
    return json_answer(
        200, {"canUpload": True, "remainingDailyVideos": left, "remainingDailyBytes": DAILY_BYTES, "message": ""}
    )


# Where `playlist` of a video leads.
@ROUTES.add("GET", "/watch/{did}/{cid}/playlist.m3u8", Operation.OTHER)
def playlist(server: Bluesky, request: Request) -> Answer:
    query = f"did={request.args['did']}&cid={request.args['cid']}"
    source = f"{server.site.url}/xrpc/com.atproto.sync.getBlob?{query}"
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{source}\n#EXT-X-ENDLIST\n"
    return Answer(200, text.encode(), b"application/vnd.apple.mpegurl")


def check_has_methods(server: Bluesky) -> None:
    """Raises Refused as a service without them answers: by itself, through its AppView, or its proxy does."""
    match server.options.no_video_methods:
        case "not_implemented":
            raise Refused(server.no_such_route())
        case "not_supported":
            raise errors.refuse(404, "XRPCNotSupported", "XRPCNotSupported")
        case "html_404":
            raise Refused(html_answer(404, "<html><head><title>404 Not Found</title></head></html>"))


def videos(server: Bluesky) -> Quota:
    return Quota("videos by day", server.options.daily_videos, DAY_S)


def refusal(server: Bluesky, account: Account, at_ms: int) -> dict[str, str] | None:
    """Return why the account may upload no video now; None = it may."""
    if account.person.handle.lower() in server.options.unconfirmed:
        message = "Please confirm your email address to upload videos"
        return {"error": "unconfirmed_email", "message": message}
    if server.meter.read(account.did, videos(server), at_ms).remaining < 1:
        return {"error": "daily_limit", "message": "You have reached the daily limit of videos"}
    return None


def begin(server: Bluesky, account: Account, request: Request, digest: str) -> Job:
    worked_ms = max(server.options.video_processing_ms, request.processing_ms)
    ready_ms = request.at_ms + worked_ms
    job = Job(secrets.token_hex(10), account, digest, request.at_ms, ready_ms, request.body)
    kind = kind_of(request.body)
    if server.options.video_failure:
        job.failure = server.options.video_failure
    elif kind is None or not kind.mime_type.startswith("video/"):
        job.failure = "validation_failure"
    elif len(request.body) > server.options.blob_upload_limit:
        job.failure = "pds_upload_unsupported_blob_size"
    server.jobs[job.id] = job
    return job


def settle(server: Bluesky, job: Job, at_ms: int) -> None:
    """Put a video that is ready into the repository, once; should it be forgotten there, the job does not notice."""
    if job.blob is None and not job.failure and at_ms >= job.ready_ms:
        job.blob = store(server, job.account, job.data, "video/mp4", at_ms)
    if at_ms >= job.ready_ms:
        job.data = b""


def about(job: Job, at_ms: int) -> dict[str, Any]:
    """Return the job as `app.bsky.video.defs#jobStatus` has it."""
    known: dict[str, Any] = {"jobId": job.id, "did": job.account.did}
    if at_ms < job.ready_ms:
        step = (at_ms - job.begun_ms) * len(STATES) // (job.ready_ms - job.begun_ms)
        return {**known, "state": f"JOB_STATE_{STATES[step]}", "progress": step * 100 // len(STATES)}
    if job.failure:
        error = f"video processing error for job: {job.id}"
        failed = {"state": "JOB_STATE_FAILED", "error": error, "failureCode": job.failure}
        return {**known, **failed, "message": SAID[job.failure]}
    blob = {"blob": job.blob.ref()} if job.blob else {}
    return {**known, "state": "JOB_STATE_COMPLETED", "progress": 100, **blob}


def job_answer(server: Bluesky, status: int, job: dict[str, Any]) -> Answer:
    return json_answer(status, job if server.options.flat_jobs else {"jobStatus": job})
