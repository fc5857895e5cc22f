"""Adding figures up without taking what is not told for nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from analytics.figures import FIGURES, audience, engagements, rate


@dataclass(slots=True)
class Sums:
    """Figures of several accounts together; None = nobody of them tells it.

    The engagement rate takes of each account its reach, where it tells one, else its views, and leaves out an account
    that tells neither: what nobody was counted to see has no rate, and would only raise that of the others.
    """

    figures: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(FIGURES))
    posts: int = 0
    _engaged: int | None = None
    _seen: int | None = None

    def add(self, figures: Mapping[str, int | None], *, posts: int = 0) -> None:
        """Add what one account has."""
        self.posts += posts
        for name in FIGURES:
            value = figures[name]
            if value is not None:
                self.figures[name] = (self.figures[name] or 0) + int(value)
        engaged, seen = engagements(figures), audience(figures)
        if engaged is not None and seen is not None:
            self._engaged, self._seen = (self._engaged or 0) + int(engaged), (self._seen or 0) + int(seen)

    @property
    def rate(self) -> float | None:
        return rate(self._engaged, self._seen)

    def shown(self) -> dict[str, int | float | None]:
        return {**self.figures, "engagement_rate": self.rate}


def summed(rows: Iterable[Mapping[str, int | None]]) -> Sums:
    """The sums of these accounts' figures."""
    sums = Sums()
    for row in rows:
        sums.add(row)
    return sums
