"""Records written, read, listed and deleted: com.atproto.repo."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from sandbox.platforms.bluesky import errors
from sandbox.platforms.bluesky.accounts import Account, Blob, Collection, Record
from sandbox.platforms.bluesky.blobs import hold, media_of, release, wanted_blobs
from sandbox.platforms.bluesky.cids import cid_of
from sandbox.platforms.bluesky.lexicon import KNOWN, Unfit, check_record
from sandbox.platforms.bluesky.limits import CREATE_POINTS, DELETE_POINTS, PUT_POINTS, WRITES
from sandbox.platforms.bluesky.queries import json_input, limit_in, params
from sandbox.platforms.bluesky.server import ROUTES, Bluesky
from sandbox.platforms.bluesky.syntax import POSTS, is_cid, is_record_key, is_tid
from sandbox.routing import Operation
from sandbox.wire import Answer, Request, json_answer


@dataclass(slots=True, frozen=True)
class Write:
    """One record as it is to be kept; `validation` is None where the caller wanted none."""

    account: Account
    collection: str
    rkey: str
    value: dict[str, Any]
    cid: str
    validation: str | None

    @property
    def uri(self) -> str:
        return f"at://{self.account.did}/{self.collection}/{self.rkey}"


# https://docs.bsky.app/docs/api/com-atproto-repo-put-record
@ROUTES.add("POST", "/xrpc/com.atproto.repo.putRecord", Operation.PUBLISH)
def put(server: Bluesky, request: Request) -> Answer:
    """Write the record. The same content again changes nothing, whatever is to be swapped; `swapRecord: null` asks
    that there be none.
    """
    account = server.writer(request)
    body = json_input(request, "repo", "collection", "rkey", "record")
    write = prepare(server, account, body, body["rkey"], PUT_POINTS, request.at_ms)
    current = account.record(write.collection, write.rkey)
    if current is not None and current.cid == write.cid:
        return written(write, None)
    check_swap(body, account, current)
    blobs = wanted_blobs(server, account, write.value, request.at_ms)
    if current is None:
        add(server, write, blobs, request.at_ms)
    else:
        overwrite(server, current, write, blobs)
    return written(write, account.commit_now(request.at_ms))


# https://docs.bsky.app/docs/api/com-atproto-repo-create-record
@ROUTES.add("POST", "/xrpc/com.atproto.repo.createRecord", Operation.PUBLISH)
def create(server: Bluesky, request: Request) -> Answer:
    account = server.writer(request)
    body = json_input(request, "repo", "collection", "record")
    rkey = body.get("rkey") or account.next_tid(request.at_ms)
    if not isinstance(rkey, str) or not is_record_key(rkey):
        raise errors.invalid("Input/rkey must be a valid Record Key")
    write = prepare(server, account, body, rkey, CREATE_POINTS, request.at_ms)
    check_swap_commit(body, account)
    if account.record(write.collection, rkey) is not None:  # so it is: no conflict, but a fault of the server
        return errors.internal_error()
    add(server, write, wanted_blobs(server, account, write.value, request.at_ms), request.at_ms)
    return written(write, account.commit_now(request.at_ms))


# https://docs.bsky.app/docs/api/com-atproto-repo-delete-record
@ROUTES.add("POST", "/xrpc/com.atproto.repo.deleteRecord", Operation.DELETE)
def delete(server: Bluesky, request: Request) -> Answer:
    account = server.writer(request)
    body = json_input(request, "repo", "collection", "rkey")
    own_repo(server, account, body["repo"])
    spend(server, account, DELETE_POINTS, request.at_ms)
    record = account.record(body["collection"], body["rkey"])
    if record is None:
        return json_answer(200, {})
    check_swap(body, account, record)
    account.collections[body["collection"]].remove(record)
    release(account, record.blobs)
    if record.post is not None:
        server.site.remove_post(record.post)
    return json_answer(200, {"commit": account.commit_now(request.at_ms)})


# https://docs.bsky.app/docs/api/com-atproto-repo-get-record
@ROUTES.add("GET", "/xrpc/com.atproto.repo.getRecord", Operation.LOOKUP)
def show(server: Bluesky, request: Request) -> Answer:
    query = params(request, "repo", "collection", "rkey")
    repo, collection, rkey = query["repo"], query["collection"], query["rkey"]
    account = server.shown_account(repo)
    record = account.record(collection, rkey) if account else None
    if record is None or query.get("cid", record.cid) != record.cid:
        raise errors.refuse(400, "RecordNotFound", f"Could not locate record: at://{repo}/{collection}/{rkey}")
    return json_answer(200, record.row())


# https://docs.bsky.app/docs/api/com-atproto-repo-list-records
@ROUTES.add("GET", "/xrpc/com.atproto.repo.listRecords", Operation.LOOKUP)
def index(server: Bluesky, request: Request) -> Answer:
    """List a page, highest key first; there is a cursor with every page that has records, the last one too."""
    query = params(request, "repo", "collection")
    account = server.shown_account(query["repo"])
    if account is None:
        raise errors.invalid(f"Could not find repo: {query['repo']}")
    limit, is_reversed = limit_in(query), query.get("reverse") == "true"
    kept = account.collections.get(query["collection"], Collection())
    page = list(islice(kept.after(query.get("cursor", ""), is_reversed=is_reversed), limit))
    cursor = {"cursor": page[-1].rkey} if page else {}
    return json_answer(200, {**cursor, "records": [record.row() for record in page]})


def prepare(server: Bluesky, account: Account, body: dict[str, Any], rkey: str, points: int, at_ms: int) -> Write:
    """Return what the body wants written. Raises Refused."""
    own_repo(server, account, body["repo"])
    spend(server, account, points, at_ms)
    collection, value, validate = body["collection"], body["record"], body.get("validate")
    if validate not in (None, True, False):
        raise errors.invalid("Input/validate must be a boolean")
    if not isinstance(value, dict):
        raise errors.invalid("Input/record must be an object")
    value = {"$type": collection, **value}
    if value["$type"] != collection:
        raise errors.invalid(f"Invalid $type: expected {collection}, got {value['$type']}")
    if collection in KNOWN and not is_tid(rkey):
        raise errors.invalid(f"Invalid record key for {collection}: Invalid TID string")
    try:
        validation = validated(server, collection, value, validate)
        return Write(account, collection, rkey, value, cid_of(value), validation)
    except Unfit as unfit:
        raise errors.invalid(str(unfit)) from None
    except ValueError as exc:
        raise errors.invalid(f"Bad record: {exc}") from None


def validated(server: Bluesky, collection: str, value: dict[str, Any], validate: bool | None) -> str | None:
    """Return `valid`, or `unknown` for a record of a kind that is not simulated. Raises Unfit."""
    if validate is False:
        return None
    if collection in KNOWN:
        check_record(collection, value, image_max_bytes=server.options.image_max_bytes)
        return "valid"
    if validate:
        raise Unfit(f"Unknown lexicon type: {collection}")
    return "unknown"


def own_repo(server: Bluesky, account: Account, repo: str) -> None:
    if server.account_called(repo) is not account:
        raise errors.refuse(403, "AccountNotFound", "Account not found")


def spend(server: Bluesky, account: Account, points: int, at_ms: int) -> None:
    for quota in WRITES:
        server.spend(account.did, quota, at_ms, points)


def check_swap(body: dict[str, Any], account: Account, current: Record | None) -> None:
    """Refuse when `swapRecord` was given, null included, and is not what is there. Raises Refused."""
    check_swap_commit(body, account)
    if "swapRecord" not in body:
        return
    wanted = body["swapRecord"]
    if wanted is not None and not (isinstance(wanted, str) and is_cid(wanted)):
        raise errors.invalid("Input/swapRecord must be a cid string")
    found = current.cid if current else None
    if wanted != found:
        raise errors.refuse(400, "InvalidSwap", f"Record was at {found or 'null'}")


def check_swap_commit(body: dict[str, Any], account: Account) -> None:
    wanted = body.get("swapCommit")
    if wanted is not None and wanted != account.commit:
        raise errors.refuse(400, "InvalidSwap", f"Commit was at {account.commit}")


def written(write: Write, commit: dict[str, str] | None) -> Answer:
    """Answer a write; one that changed nothing has no commit."""
    answer: dict[str, Any] = {"uri": write.uri, "cid": write.cid}
    if commit is not None:
        answer["commit"] = commit
    if write.validation is not None:
        answer["validationStatus"] = write.validation
    return json_answer(200, answer)


def add(server: Bluesky, write: Write, blobs: tuple[Blob, ...], at_ms: int) -> None:
    hold(blobs)
    record = Record(write.uri, write.rkey, write.cid, write.value, blobs)
    write.account.collections.setdefault(write.collection, Collection()).add(record)
    if write.collection == POSTS:
        record.post = server.new_post(
            write.account.person,
            text_of(write.value),
            at_ms,
            own_id=write.uri,
            media=media_of(server, write.account, write.value),
            reply_to=reply_to(write.value),
            language=language_of(write.value),
            extra={"record": record},
        )
        server.site.add_post(record.post)


def overwrite(server: Bluesky, record: Record, write: Write, blobs: tuple[Blob, ...]) -> None:
    hold(blobs)
    release(write.account, record.blobs)
    record.cid, record.value, record.blobs = write.cid, write.value, blobs
    post = record.post
    if post is None:
        return
    parent = reply_to(write.value)
    if parent != post.reply_to:
        for uri, change in ((post.reply_to, -1), (parent, 1)):
            answered = server.site.posts.get(uri) if uri else None
            if answered is not None:
                answered.replies += change
    post.text, post.language, post.reply_to = text_of(write.value), language_of(write.value), parent
    post.media = media_of(server, write.account, write.value)


def text_of(value: dict[str, Any]) -> str:
    text = value.get("text")
    return text if isinstance(text, str) else ""  # without validation anything may stand there


def language_of(value: dict[str, Any]) -> str | None:
    match value.get("langs"):
        case [str(first), *_]:
            return first
    return None


def reply_to(value: dict[str, Any]) -> str | None:
    match value.get("reply"):
        case {"parent": {"uri": str(uri)}}:
            return uri
    return None
