"""Meta's host for uploads, as Facebook and Instagram share it: a video in one call, from where a broken line left it.

Sources: https://developers.facebook.com/docs/video-api/guides/reels-publishing and
https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads (read 2026-11-23).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from integrations.contract import MediaUse
from integrations.errors import OperatorProblem, Rejected
from integrations.protocols.graph import NOT_FOUND, UPLOAD_ORIGIN
from integrations.protocols.graph_nodes import ErrorFrom
from integrations.protocols.uploads import Uploads
from mastablasta.core.outbound import File, Http


def upload_address(url: str, http: Http, *, label: str) -> str:
    """The address to upload to, as the platform named it. Raises OperatorProblem where the token may not go there."""
    parts, own = urlsplit(url), urlsplit(http.base_url)
    if f"{parts.scheme}://{parts.netloc}" not in {UPLOAD_ORIGIN, f"{own.scheme}://{own.netloc}"}:
        raise OperatorProblem(f"{label} names a strange address to upload to.", code="strange_origin")
    return url


def upload_rest(uploads: Uploads, use: MediaUse, offset: int, *, kept_as: str, error_from: ErrorFrom) -> None:
    """Send what is behind `offset` to the address that progress keeps as `kept_as`; the platform has all of it then.

    Raises Rejected with the code NOT_FOUND where the address is lost, else what the answer means.
    """
    url = uploads.progress.data.get(kept_as)
    if not url:
        raise Rejected("The address to upload to is lost.", code=NOT_FOUND)
    file = File("video.mp4", use.mime_type, path=use.path, offset=offset)
    span = {"offset": str(offset), "file_size": str(use.size)}
    answer = uploads.transfer(file.size, str(url), http=uploads.http.with_scheme("OAuth"), data=file, headers=span)
    if not answer.is_ok:
        raise error_from(answer)
    if answer.fields().get("success") is not True:
        raise answer.in_doubt("does not say that the file has arrived", code="no_result")
