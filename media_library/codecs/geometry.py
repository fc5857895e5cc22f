"""How large a picture may be, and the largest that is inside."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mastablasta.core.media_rules import ImageRule, VideoRule

NEARLY = 1e-8  # a limit of 1.91 is not exact; what is off by less is on it


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of width and height. `step`: they are multiples of it."""

    max_width: float
    max_height: float
    max_pixels: float
    min_width: int
    min_height: int
    min_aspect: float
    max_aspect: float
    step: int

    @classmethod
    def of(cls, rule: ImageRule | VideoRule, *, step: int = 1, most_pixels: int | None = None) -> Bounds:
        return cls(
            max_width=rule.max_width or math.inf,
            max_height=rule.max_height or math.inf,
            max_pixels=min(rule.max_pixels or math.inf, most_pixels or math.inf),
            min_width=rule.min_width or 1,
            min_height=rule.min_height or 1,
            min_aspect=rule.min_aspect or 0.0,
            max_aspect=rule.max_aspect or math.inf,
            step=step,
        )

    def hold(self, width: int, height: int) -> bool:
        return (
            self.min_width <= width <= self.max_width
            and self.min_height <= height <= self.max_height
            and width * height <= self.max_pixels
            and self.min_aspect - NEARLY <= width / height <= self.max_aspect + NEARLY
            and width % self.step == 0 == height % self.step
        )

    def within(self, width: float, height: float) -> tuple[int, int]:
        """The largest size of this shape, no larger than it is, that is inside; of a shape that is taken."""
        scale = min(1.0, self.max_width / width, self.max_height / height, math.sqrt(self.max_pixels / width / height))
        for rows in range(self._nearest(height * scale, height), 0, -self.step):
            columns = max(self._nearest(width / height * rows, width), self._up(self.min_aspect * rows))
            if self.max_aspect != math.inf:
                columns = min(columns, self._down(self.max_aspect * rows))
            if 0 < columns <= self.max_width and rows <= self.max_height and columns * rows <= self.max_pixels:
                return columns, rows
        return self.step, self.step

    def _nearest(self, value: float, most: float) -> int:
        return max(self.step, min(round(value / self.step) * self.step, self._down(most)))

    def _down(self, value: float) -> int:
        return math.floor(value / self.step + NEARLY) * self.step

    def _up(self, value: float) -> int:
        return math.ceil(value / self.step - NEARLY) * self.step
