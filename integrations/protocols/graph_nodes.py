"""Objects of the Graph API, as Facebook and Instagram share them: their paths, lists, comments and removal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from integrations.contract import Published
from integrations.errors import CallFailed, NeedsReconnect, Rejected
from integrations.protocols.graph import NOT_FOUND, SCOPE_MISSING, VERSION
from integrations.protocols.lookback import OwnPost, Page, posts_in
from integrations.protocols.values import object_in, text_in
from mastablasta.core.outbound import Http, Response

PAGE = 50
ErrorFrom = Callable[[Response], CallFailed]  # what an answer of that platform means, other than 2xx


def path_of(remote_id: str) -> str:
    """The path of an object."""
    return f"/{VERSION}/{quote(remote_id, safe='')}"


def delete_node(http: Http, remote_id: str, *, error_from: ErrorFrom) -> None:
    """Delete an object; one that is gone already is fine."""
    answer = http.delete(path_of(remote_id))
    if answer.is_ok:
        return
    failure = error_from(answer)
    if failure.code != NOT_FOUND:
        raise failure


def write_comment(
    http: Http, remote_id: str, text: str, *, read: Callable[[Response], Published], error_from: ErrorFrom
) -> Published:
    """Write a comment below a post; `read` makes of a good answer what was published.

    It needs a permission of its own: without it the post stays, and nobody has to sign in again.
    """
    answer = http.post(f"{path_of(remote_id)}/comments", data={"message": text}, visible=True)
    if answer.is_ok:
        return read(answer)
    failure = error_from(answer)
    if isinstance(failure, NeedsReconnect) and failure.code == SCOPE_MISSING:
        raise Rejected(failure.message, code="not_permitted", http_status=failure.http_status)
    raise failure


def list_page(
    http: Http,
    path: str,
    cursor: str | None,
    *,
    params: Mapping[str, Any],
    since: datetime | None,
    read: Callable[[Any], OwnPost | None],
    error_from: ErrorFrom,
) -> Page:
    """One page of what is listed below `path`, PAGE at most, newest first. `since` None = the list takes none."""
    asked = {**params, "limit": PAGE, **({"since": int(since.timestamp())} if since else {})}
    answer = http.get(path, params=asked | ({"after": cursor} if cursor else {}))
    if not answer.is_ok:
        raise error_from(answer)
    fields = answer.fields()
    paging = object_in(fields, "paging")
    after = text_in(paging.get("cursors"), "after") if paging.get("next") else ""
    return posts_in(answer, fields.get("data"), read), after or None
