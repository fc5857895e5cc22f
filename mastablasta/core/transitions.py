"""Tables of allowed moves between states."""

from __future__ import annotations

from collections.abc import Mapping


class IllegalMove(Exception):
    """A move that the table does not allow: a bug of the caller, never of the user."""


class StateTable:
    """The moves that are allowed; whoever writes a state asks it first, and the database has the last word.

    >>> table = StateTable({"off": {"on"}, "on": {"off"}})
    >>> table.allows("off", "on")
    True
    """

    def __init__(self, moves: Mapping[str, frozenset[str] | set[str]]) -> None:
        self.moves = {source: frozenset(targets) for source, targets in moves.items()}
        unknown = {target for targets in self.moves.values() for target in targets} - self.moves.keys()
        if unknown:
            raise ValueError(f"moves lead to states that are not in the table: {sorted(unknown)}")

    @property
    def states(self) -> frozenset[str]:
        return frozenset(self.moves)

    def allows(self, source: str, target: str) -> bool:
        return target in self.moves[source]

    def check(self, source: str, target: str) -> None:
        """Raise IllegalMove unless the table allows it."""
        if not self.allows(source, target):
            raise IllegalMove(f"{source} -> {target}")

    def sources_of(self, target: str) -> list[str]:
        """The states from which `target` can be reached in one move, sorted: the WHERE of a guarded UPDATE."""
        return sorted(source for source, targets in self.moves.items() if target in targets)
