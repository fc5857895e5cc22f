"""What stands between a delivery and its platform, in words for people: what happened, and what helps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

from integrations import registry
from posts.models import Delivery
from posts.states import DeliveryState

S = DeliveryState

PAGE = Path(settings.BASE_DIR) / "docs" / "errors.md"
# What is said of a delivery counts before what the same code means elsewhere.
SECTIONS = ("What a delivery says", "Connecting accounts", "Writing and scheduling", "Files", "Changing posts")

LOOK = "Look whether the post is on the account, and say so here. Until then nothing is sent again."
EDIT = "Edit the post, then retry it: the platform takes it no other way."
RETRY = "Nothing of what is missing is out. Retry it when its cause is over."
DECIDE = "Publish it now, give it another time or cancel it."
WAITS = {
    "account": "It goes out when the account can be used again: connect it again, or let it go on.",
    "platform": "It goes out by itself when the platform can be used again.",
    "rate_limit": "It goes out by itself when the platform takes calls of this account again.",
    "retry": "It is tried again by itself.",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened, what its code means in general ("" = nothing is known of it), what helps ("" = nothing has to be
    done), and pages of the platform about it."""

    cause: str
    meaning: str
    remedy: str
    pages: tuple[str, ...]


def explain(delivery: Delivery, *, waiting_for: str | None) -> Explanation:
    """`waiting_for`: as the API says it of the delivery."""
    state = DeliveryState(delivery.state)
    cause = delivery.error_message or f"{state.label}."
    return Explanation(
        cause, meaning_of(delivery.error_code), _remedy(delivery, waiting_for), pages_of(delivery.platform)
    )


def meaning_of(code: str) -> str:
    """What docs/errors.md says of a code; "" = nothing."""
    return _meanings().get(code, "")


def pages_of(platform: str) -> tuple[str, ...]:
    """Where the platform says itself what it takes."""
    if not registry.is_built(platform):
        return ()
    return tuple(dict.fromkeys(source.url for source in registry.capabilities(platform).sources))


def _remedy(delivery: Delivery, waiting_for: str | None) -> str:
    if delivery.state == S.UNCONFIRMED:
        return LOOK
    if delivery.state == S.HELD:
        return DECIDE
    if delivery.state in {S.FAILED, S.REJECTED}:
        return RETRY if delivery.error_retryable else EDIT
    return WAITS.get(waiting_for or "", "")


@cache
def _meanings() -> Mapping[str, str]:
    """By code: the rows of the page's tables, first those of SECTIONS, in their order."""
    parts = re.split(r"^## +", PAGE.read_text(), flags=re.MULTILINE)
    named = {part.partition("\n")[0]: part for part in parts}
    found: dict[str, str] = {}
    for section in (*SECTIONS, *named):
        for codes, meaning in re.findall(r"^\| (`.+?) \| (.+) \|$", named[section], re.MULTILINE):
            for code in re.findall(r"`([^`]+)`", codes):
                found.setdefault(code, meaning.replace("`", ""))
    return found
