"""Figures of a post: how they are shown, and the rate that is read off them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import gettext_lazy

FIGURES = ("views", "likes", "shares", "comments", "reach", "clicks")
WORDS = {
    "views": gettext_lazy("views"),
    "likes": gettext_lazy("likes"),
    "shares": gettext_lazy("shares"),
    "comments": gettext_lazy("comments"),
    "reach": gettext_lazy("reach"),
    "clicks": gettext_lazy("clicks"),
    "engagement_rate": gettext_lazy("engagement rate"),
}
LARGEST = 10**15  # of what is believed: nothing was seen a quadrillion times, and sums of it fit into a column
_HUNDREDTH = Decimal("0.01")


def engagements(figures: Mapping[str, int | None]) -> int | None:
    """Likes, shares and comments together, of those that are told; None = none of them is."""
    told = [figures[name] for name in ("likes", "shares", "comments")]
    return sum(one for one in told if one is not None) if any(one is not None for one in told) else None


def audience(figures: Mapping[str, int | None]) -> int | None:
    """How many saw it: the reach, else the views; None = neither is told."""
    return figures["reach"] if figures["reach"] is not None else figures["views"]


def rate(engaged: int | None, seen: int | None) -> float | None:
    """In per cent, to two decimals; None where either is not told, or nobody saw it."""
    if engaged is None or seen is None or seen <= 0:
        return None
    return float((Decimal(100 * engaged) / seen).quantize(_HUNDREDTH, ROUND_HALF_UP))


def engagement_rate(figures: Mapping[str, int | None]) -> float | None:
    """Likes, shares and comments in per cent of the reach, else of the views; None where it cannot be told."""
    return rate(engagements(figures), audience(figures))


def credible(figure: int | None) -> int | None:
    """A total as a platform told it; one that cannot be a total is taken for not told."""
    return figure if figure is not None and 0 <= figure <= LARGEST else None
