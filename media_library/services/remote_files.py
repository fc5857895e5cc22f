"""A file from a public address into the library, through the guarded door."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from urllib.parse import unquote, urljoin, urlsplit

from accounts.models import User, Workspace
from mastablasta.core.errors import DomainError, Invalid, TooLarge, Unreachable
from mastablasta.core.outbound import CallFailed, Http, Response
from media_library.formats import LARGEST, MB
from media_library.models import Asset
from media_library.services import intake
from media_library.services.incoming import Incoming

TIMEOUT_S = 300.0  # of all redirects and bytes together
MOST_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}


def fetch_from_url(
    url: str, *, workspace: Workspace, by: User, filename: str = "", alt_text: str = "", at: datetime
) -> Asset:
    """Fetch a file and take it as an upload. `filename` "" = the last part of the address.

    https on public hosts only, also after each of at most five redirects. Holds no database connection meanwhile.
    Raises Invalid (the address), Unreachable, and what an upload raises.
    """
    intake.expect(workspace, 0)
    try:
        with Incoming() as arriving:
            url = _download(url, arriving)
            arriving.finish()
            name = filename or unquote(urlsplit(url).path.rpartition("/")[2])
            return intake.take(arriving, workspace=workspace, by=by, filename=name, alt_text=alt_text, at=at)
    except DomainError as error:
        error.problems = tuple(replace(one, field="url") for one in error.problems)
        raise


def _download(url: str, arriving: Incoming) -> str:
    """Write what is there into `arriving`; returns the address where it was in the end."""
    deadline = time.monotonic() + TIMEOUT_S
    for _ in range(MOST_REDIRECTS + 1):
        answer = _get(url, arriving, timeout_s=max(0.1, deadline - time.monotonic()))
        if answer.status == 200:
            return url
        location = answer.headers.get("location", "")
        if answer.server_trouble or answer.status == 429:
            sentence = f"That address answers with the status {answer.status} just now; try again later."
            raise Unreachable("not_fetched", sentence)
        if answer.status not in REDIRECTS or not location:
            sentence = f"That address answers with the status {answer.status} instead of a file; check it."
            raise Invalid.field("url", "no_file_there", sentence, status=answer.status)
        url = urljoin(url, location)
    sentence = f"That address redirects more than {MOST_REDIRECTS} times; give the one where the file is."
    raise Invalid.field("url", "too_many_redirects", sentence, limit=MOST_REDIRECTS)


def _get(url: str, arriving: Incoming, *, timeout_s: float) -> Response:
    accept = {"Accept": "image/*, video/*, application/pdf, text/vtt, */*;q=0.5"}
    try:
        return Http(url, purpose="media").get(
            url, headers=accept, timeout_s=timeout_s, max_bytes=LARGEST, into=arriving.write
        )
    except CallFailed as failure:
        raise _refusal(failure) from failure


def _refusal(failure: CallFailed) -> DomainError:
    if failure.code == "refused_address":
        sentence = f"Only public https addresses are fetched ({failure.message}); upload the file instead."
        return Invalid.field("url", "refused_address", sentence)
    if failure.code == "too_large":
        found = Invalid.field(
            "url", "too_large", f"What is there is larger than {LARGEST // MB} MB, the limit for videos."
        )
        return TooLarge(found.code, found.detail, found.problems)
    return Unreachable("not_fetched", f"The file could not be fetched: {failure.message}. Try again, or upload it.")
