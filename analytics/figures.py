"""Figures of a post: how they are shown, and the rate that is read off them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

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
ENGAGING = ("likes", "shares", "comments")


def engagements(figures: Mapping[str, int | None]) -> int | None:
    """Likes, shares and comments together, of those that are told; None = none of them is."""
    told = [figure for name in ENGAGING if (figure := figures[name]) is not None]
    return sum(told) if told else None


def audience(figures: Mapping[str, int | None]) -> int | None:
    """How many saw it: the reach, else the views; None = neither is told."""
    return figures["reach"] if figures["reach"] is not None else figures["views"]


def rate(engaged: int | None, seen: int | None) -> float | None:
    """In per cent, to two decimals; None where either is not told, or nobody saw it."""
    if engaged is None or seen is None or seen <= 0:
        return None
    hundredths = (2 * 10_000 * abs(engaged) + seen) // (2 * seen)  # halves away from zero, and exact for any totals
    return (hundredths if engaged >= 0 else -hundredths) / 100


def engagement_rate(figures: Mapping[str, int | None]) -> float | None:
    """Likes, shares and comments in per cent of the reach, else of the views; None where it cannot be told."""
    return rate(engagements(figures), audience(figures))


def credible(figure: int | None) -> int | None:
    """A total as a platform told it; one that cannot be a total is taken for not told."""
    return figure if figure is not None and 0 <= figure <= LARGEST else None
