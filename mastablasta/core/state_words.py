"""States that also say themselves in one word, for who looks at many at once."""

from __future__ import annotations

from typing import Any, Self

from django.db import models


class StateChoices(models.TextChoices):
    """Choices of which each has a word and a sentence, both looked up: HELD = "held", _("held"), _("Waits for you")."""

    _word: Any

    def __new__(cls, value: str, word: Any = None) -> Self:
        state = str.__new__(cls, value)
        state._value_ = value
        state._word = value if word is None else word  # not yet looked up: settings may come later
        return state

    @property
    def word(self) -> str:
        """The state in one word, in the language of who asks."""
        return str(self._word)
