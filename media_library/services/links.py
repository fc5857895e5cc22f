"""Links that open a rendition or a thumbnail to whoever has them, for a while; an original has none.

Made for platforms that fetch what they publish, and for pages that show pictures of several workspaces. A link is
signed, so that nobody can make one or prolong it; nothing is stored, and deleting the file ends it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer

from mastablasta.core.errors import Forbidden, NotThere
from media_library.models import Asset, Rendition

LASTS = timedelta(hours=1)
GRAIN_S = 600  # links of the same ten minutes are the same, so that caches know them again
PATH = "/api/v2/media/links"
RENDITIONS, THUMBNAILS = "renditions", "thumbnails"


@dataclass(frozen=True, slots=True)
class Link:
    """`url` is absolute and works without signing in until `expires_at`."""

    url: str
    expires_at: datetime


def link_to_rendition(rendition: Rendition, *, at: datetime, lasts: timedelta = LASTS) -> Link:
    """A link that works for `lasts`, or up to ten minutes longer."""
    return _link(RENDITIONS, rendition.id, at=at, lasts=lasts)


def link_to_thumbnail(asset: Asset, *, at: datetime, lasts: timedelta = LASTS) -> Link:
    return _link(THUMBNAILS, asset.id, at=at, lasts=lasts)


def check(what: str, id: UUID, *, expires: str, signature: str, at: datetime) -> datetime:
    """Return until when the link works. Raises Forbidden when it is over, or not one of ours as it is."""
    try:
        is_ours = _signer().unsign(f"{_signed(what, id, expires)}:{signature}")
    except BadSignature:
        is_ours = ""
    if not is_ours or int(expires) <= at.timestamp():
        sentence = "This link has expired or was altered; ask for a new one where it came from."
        raise Forbidden("link_not_valid", sentence)
    return datetime.fromtimestamp(int(expires), UTC)


def row(what: str, id: UUID) -> Any:
    """The Rendition, with its asset, or the Asset that a checked link names. Raises NotThere when it was deleted."""
    rows: Any = Asset.objects.kept()
    if what == RENDITIONS:
        rows = Rendition.objects.filter(asset__deleted_at=None).select_related("asset")
    found = rows.filter(id=id).first()
    if found is None:
        raise NotThere("not_found", "What this link led to was deleted.")
    return found


def _link(what: str, id: UUID, *, at: datetime, lasts: timedelta) -> Link:
    expires = math.ceil((at + lasts).timestamp() / GRAIN_S) * GRAIN_S
    signature = _signer().signature(_signed(what, id, str(expires)))
    query = urlencode({"expires": expires, "signature": signature})
    return Link(f"{settings.PUBLIC_URL}{PATH}/{what}/{id}?{query}", datetime.fromtimestamp(expires, UTC))


def _signed(what: str, id: UUID, expires: str) -> str:
    return f"{what}/{id}/{expires}"


def _signer() -> Signer:
    return Signer(salt="media_library.links")
