"""Files in repositories: uploaded first, named by their content, and forgotten unless a record refers to them.

Sources: https://atproto.com/specs/blob and the reference server (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from sandbox.media_kinds import kind_of
from sandbox.platforms.bluesky import errors
from sandbox.platforms.bluesky.accounts import Account, Blob
from sandbox.platforms.bluesky.cids import blob_cid
from sandbox.platforms.bluesky.lexicon import blobs_in, is_blob, pictures_in
from sandbox.platforms.bluesky.limits import UPLOADS
from sandbox.platforms.bluesky.queries import params
from sandbox.platforms.bluesky.server import ROUTES, Bluesky
from sandbox.platforms.bluesky.syntax import is_cid
from sandbox.records import Media
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request, json_answer

UPLOAD = "com.atproto.repo.uploadBlob"
FILE_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"default-src 'none'; sandbox")]


# https://docs.bsky.app/docs/api/com-atproto-repo-upload-blob
@ROUTES.add("POST", f"/xrpc/{UPLOAD}", Operation.UPLOAD)
def upload(server: Bluesky, request: Request) -> Answer:
    """Keep the bytes; their type is read from them, and only where that fails it is what the header says."""
    account = uploader(server, request)
    if not request.body:
        raise errors.invalid("A request body is expected but none was provided")
    said = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if not said:
        raise errors.invalid("Request encoding (Content-Type) required but not provided")
    if len(request.body) > server.options.blob_upload_limit:
        raise Refused(server.too_large())
    server.spend(account.did, UPLOADS, request.at_ms)
    return json_answer(200, {"blob": store(server, account, request.body, said, request.at_ms).ref()})


# https://docs.bsky.app/docs/api/com-atproto-sync-get-blob
@ROUTES.add("GET", "/xrpc/com.atproto.sync.getBlob", Operation.OTHER)
def show(server: Bluesky, request: Request) -> Answer:
    """Answer a file that a record refers to; nobody sees the others."""
    query = params(request, "did", "cid")
    if not is_cid(query["cid"]):
        raise errors.invalid("Error: cid must be a cid string")
    account = server.accounts_by_did.get(query["did"])
    if account is None:
        raise errors.refuse(400, "RepoNotFound", f"Could not find repo for DID: {query['did']}")
    status = server.status(account)
    if status is not None:
        name = "RepoTakendown" if status == "takendown" else "RepoDeactivated"
        raise errors.refuse(400, name, f"Repo has been {status}: {account.did}")
    return file_of(server, account, query["cid"])


# Where `thumb` and `fullsize` of a picture lead, as https://cdn.bsky.app does.
@ROUTES.add("GET", "/img/{size}/plain/{did}/{cid}", Operation.OTHER)
def show_picture(server: Bluesky, request: Request) -> Answer:
    account = server.shown_account(request.args["did"])
    if account is None:
        raise errors.refuse(400, "BlobNotFound", "Blob not found")
    return file_of(server, account, request.args["cid"].partition("@")[0])


def file_of(server: Bluesky, account: Account, cid: str) -> Answer:
    blob, data = account.blobs.get(cid), server.world.files.find(server.site.name, cid)
    if blob is None or not blob.uses or data is None:
        raise errors.refuse(400, "BlobNotFound", "Blob not found")
    return Answer(200, data, blob.mime_type.encode(), list(FILE_HEADERS))


def uploader(server: Bluesky, request: Request) -> Account:
    """Return whose repository it goes to: the caller's, or that of whom another service acts for. Raises Refused."""
    if request.bearer() in server.service_tokens:
        return server.served(request, UPLOAD, server.did)
    return server.writer(request)


def store(server: Bluesky, account: Account, data: bytes, said: str, at_ms: int) -> Blob:
    """Keep a file in the account's repository for as long as files are kept that nothing refers to."""
    digest, kind = hashlib.sha256(data), kind_of(data)
    cid = blob_cid(digest.digest())
    blob = kept(server, account, cid, at_ms)
    if blob is not None:
        blob.uploaded_ms = at_ms
    else:
        blob = Blob(cid, kind.mime_type if kind else said, len(data), digest.hexdigest(), at_ms)
        if kind is not None:
            blob.width, blob.height = kind.width, kind.height
        account.blobs[cid] = blob
    if server.world.files.find(server.site.name, cid) is None:
        server.world.files.keep(server.site.name, cid, data)
    return blob


def kept(server: Bluesky, account: Account, cid: str, at_ms: int) -> Blob | None:
    """Return the file, unless it is forgotten by now."""
    blob = account.blobs.get(cid)
    if blob is not None and not blob.uses and at_ms >= blob.uploaded_ms + server.options.blob_ttl_s * 1000:
        del account.blobs[cid]
        return None
    return blob


def wanted_blobs(server: Bluesky, account: Account, value: dict[str, Any], at_ms: int) -> tuple[Blob, ...]:
    """Return the files that a record refers to, each once. Raises Refused when one is not there, or is another."""
    found: dict[str, Blob] = {}
    for ref in blobs_in(value):
        cid = ref["ref"]["$link"]
        blob = kept(server, account, cid, at_ms)
        if blob is None:
            raise errors.refuse(400, "BlobNotFound", f"Could not find blob: {cid}")
        for name, called, actual in (("mimeType", "Mimetype", blob.mime_type), ("size", "Size", blob.size)):
            if ref[name] != actual:
                error = "InvalidMimeType" if name == "mimeType" else "InvalidSize"
                message = f"Referenced {called} does not match stored blob. Expected: {actual}, Got: {ref[name]}"
                raise errors.refuse(400, error, message)
        found[cid] = blob
    return tuple(found.values())


def hold(blobs: Iterable[Blob]) -> None:
    for blob in blobs:
        blob.uses += 1


def release(account: Account, blobs: Iterable[Blob]) -> None:
    """One record less refers to them; what none refers to is gone at once."""
    for blob in blobs:
        blob.uses -= 1
        if not blob.uses:
            account.blobs.pop(blob.cid, None)


def media_of(server: Bluesky, account: Account, value: dict[str, Any]) -> tuple[Media, ...]:
    """Return what the world sees of the pictures, or of the video, of a post; its files are there."""
    made = []
    for ref, alt in shown_in(value.get("embed")):
        blob = account.blobs[ref["ref"]["$link"]]
        media = Media(
            id=blob.cid,
            owner=account.person,
            kind=blob.mime_type.partition("/")[0],
            mime_type=blob.mime_type,
            size=blob.size,
            sha256=blob.sha256,
            filename=blob.cid,
            alt_text=alt or None,
            ready_ms=blob.uploaded_ms,
            width=blob.width,
            height=blob.height,
        )
        server.site.media[blob.cid] = media
        made.append(media)
    return tuple(made)


def shown_in(embed: Any) -> list[tuple[dict[str, Any], str | None]]:
    """Return the references to pictures and videos of an embed, each with its alt text."""
    match embed:
        case {"$type": "app.bsky.embed.images", "images": list(items)} | {
            "$type": "app.bsky.embed.gallery",
            "items": list(items),
        }:
            return [(item["image"], item.get("alt")) for item in pictures_in(items)]
        case {"$type": "app.bsky.embed.video", "video": ref} if is_blob(ref):
            return [(ref, embed.get("alt"))]
        case {"$type": "app.bsky.embed.recordWithMedia", "media": media}:
            return shown_in(media)
    return []
