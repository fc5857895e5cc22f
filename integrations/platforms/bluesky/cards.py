"""The card of a link: what the person says of the page, or what the page says of itself.

A page that cannot be read gives no card, and the post goes out without. What was read is kept in the step's progress,
so that the card is the same whoever sends it.
Source: https://github.com/bluesky-social/atproto, lexicons/app/bsky/embed/external.json (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.contract import Progress, Step
from integrations.errors import Rejected
from integrations.formats import FORMATS
from integrations.platforms.bluesky.capabilities import (
    MAX_LINK,
    MAX_LINK_DESCRIPTION,
    MAX_LINK_TITLE,
    THUMB_BYTES,
)
from integrations.platforms.bluesky.errors import error_from
from integrations.platforms.bluesky.media import UPLOAD_BLOB, blob_in
from integrations.protocols.web_pages import read_page, read_picture
from mastablasta.core.outbound import Http

EXTERNAL = "app.bsky.embed.external"
CARD = "card"


def has_card(step: Step) -> bool:
    """Whether this part shows a card: the root of a post with a link."""
    return not step.sent and bool(step.content.options.get("link"))


def card_embed(http: Http, step: Step, progress: Progress, thumb: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the record shows; None where the page gives no card. `thumb`: the reference to the person's own picture."""
    options = step.content.options
    card = progress.data.get(CARD)
    if card is None:
        card = _made(http, options, wants_picture=thumb is None)
        progress.save(**{CARD: card})
    if not card:
        return None
    shown = {"uri": options["link"], **card, **({"thumb": thumb} if thumb else {})}
    return {"$type": EXTERNAL, "external": shown}


def without_picture(progress: Progress) -> bool:
    """Leave out the page's picture, which the service has no more; whether there was one."""
    card = dict(progress.data.get(CARD) or {})
    if not card.pop("thumb", None):
        return False
    progress.save(**{CARD: card})
    return True


def lacks_words(options: Mapping[str, Any]) -> bool:
    """Whether the card's page is to be read."""
    return bool(options.get("link")) and not options.get("link_title")


def words_of_page(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the page says, as options, without those that are given; {} where it cannot be read."""
    page = read_page(options["link"])
    if page is None:
        return {}
    fits = len(page.picture) <= MAX_LINK and FORMATS["uri"].is_met(page.picture)
    told = {
        "link_title": page.title[:MAX_LINK_TITLE],
        "link_description": page.description[:MAX_LINK_DESCRIPTION],
        "link_image": page.picture if fits else "",
    }
    return {name: words for name, words in told.items() if words and not options.get(name)}


def _made(http: Http, options: Mapping[str, Any], *, wants_picture: bool) -> dict[str, Any]:
    said = {**options, **words_of_page(options)} if lacks_words(options) else options
    if not said.get("link_title"):
        return {}
    card = {"title": said["link_title"], "description": said.get("link_description") or ""}
    picture = said.get("link_image") if wants_picture else None
    thumb = _uploaded(http, picture) if picture else None
    return {**card, "thumb": thumb} if thumb else card


def _uploaded(http: Http, address: str) -> dict[str, Any] | None:
    """The page's picture in the repository; None where there is none that the service takes.

    Source: https://docs.bsky.app/docs/api/com-atproto-repo-upload-blob (read 2026-11-23).
    """
    picture = read_picture(address, max_bytes=THUMB_BYTES)
    if picture is None:
        return None
    answer = http.post(f"/xrpc/{UPLOAD_BLOB}", data=picture.data, headers={"Content-Type": picture.mime_type})
    if answer.is_ok:
        return blob_in(answer.fields())
    failure = error_from(answer)
    if isinstance(failure, Rejected):
        return None
    raise failure
