"""What loops do now and then has its turn at once, then once in its period."""

from __future__ import annotations

from mastablasta.core.turns import Turns


def test_a_turn_comes_at_once_and_then_after_its_period() -> None:
    turns = Turns()

    assert [turns.take("beat", 3600), turns.take("beat", 3600), turns.take("renew", 3600)] == [True, False, True]
    assert [turns.take("look", 0), turns.take("look", 0)] == [True, True]


def test_what_is_put_off_waits_whenever_its_turn_was() -> None:
    turns = Turns()
    turns.put_off("renew", 3600)

    assert not turns.take("renew", 3600)
    turns.put_off("renew", 0)
    assert turns.take("renew", 3600)
