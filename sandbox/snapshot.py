"""Records that refer to each other as bytes, and back: each object once, whoever refers to it.

JSON holds what JSON can; the rest is a list with a tag before it. Of what is read only the simulator's own classes are
made, without running any of their code.
"""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

import orjson

PACKAGE = "sandbox."


class Damaged(Exception):
    """These bytes are not what `dumps` of this version wrote."""


def dumps(root: Any) -> bytes:
    """Return `root` and all that it refers to. Raises TypeError for a value of another kind."""
    writer = _Writer()
    written_root = writer.value(root)
    return orjson.dumps({"root": written_root, "objects": writer.objects()})


def loads(data: bytes) -> Any:
    """Return what `dumps` was given. A field that a class has got since then has its default. Raises Damaged."""
    try:
        return _Reader(orjson.loads(data)).root()
    except (AttributeError, LookupError, TypeError, ValueError) as exc:
        raise Damaged(str(exc) or type(exc).__name__) from exc


def state_of(thing: object) -> dict[str, Any]:
    if is_dataclass(thing):
        return {field.name: getattr(thing, field.name) for field in fields(thing)}
    return dict(vars(thing))


class _Writer:
    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._met: list[object] = []

    def value(self, given: Any) -> Any:
        if given is None or isinstance(given, str | int | float):
            return given
        if isinstance(given, list | tuple):
            return ["list" if isinstance(given, list) else "tuple", *map(self.value, given)]
        if isinstance(given, dict):
            return ["dict", *([self.value(key), self.value(value)] for key, value in given.items())]
        if isinstance(given, bytes):
            return ["bytes", b64encode(given).decode()]
        return ["object", self._number(given)]

    def objects(self) -> list[Any]:
        """Return every object met; more are met on the way."""
        written: list[Any] = []
        for thing in self._met:
            kind = type(thing)
            state = {name: self.value(value) for name, value in state_of(thing).items()}
            written.append([f"{kind.__module__}:{kind.__qualname__}", state])
        return written

    def _number(self, thing: object) -> int:
        if not type(thing).__module__.startswith(PACKAGE):
            raise TypeError(f"{type(thing).__name__} cannot be kept")
        if id(thing) not in self._numbers:
            self._numbers[id(thing)] = len(self._met)
            self._met.append(thing)
        return self._numbers[id(thing)]


class _Reader:
    def __init__(self, written: Mapping[str, Any]) -> None:
        self._root = written["root"]
        self._rows: list[Any] = written["objects"]
        self._things: list[object] = [object.__new__(kind_called(name)) for name, _ in self._rows]
        self._readers: dict[str, Callable[[list[Any]], Any]] = {
            "list": lambda items: [self.value(item) for item in items],
            "tuple": lambda items: tuple(self.value(item) for item in items),
            "dict": lambda items: {self.value(key): self.value(value) for key, value in items},
            "bytes": lambda items: b64decode(items[0]),
            "object": lambda items: self._things[items[0]],
        }

    def root(self) -> Any:
        for thing, (_, state) in zip(self._things, self._rows, strict=True):
            self._fill(thing, state)
        return self.value(self._root)

    def value(self, written: Any) -> Any:
        if isinstance(written, list):
            return self._readers[written[0]](written[1:])
        return written

    def _fill(self, thing: object, state: Mapping[str, Any]) -> None:
        names = {field.name: field for field in fields(thing)} if is_dataclass(thing) else dict.fromkeys(state)
        for name, field in names.items():
            value = self.value(state[name]) if name in state else default_of(field, name)
            object.__setattr__(thing, name, value)


def kind_called(name: str) -> type:
    """Return one of the simulator's classes. Raises LookupError, AttributeError and Damaged."""
    module, _, kind_name = name.partition(":")
    kind = getattr(sys.modules[module], kind_name) if module.startswith(PACKAGE) else None
    if not isinstance(kind, type):
        raise Damaged(f"there is no {name}")
    return kind


def default_of(field: Field[Any] | None, name: str) -> Any:
    if field is not None and field.default is not MISSING:
        return field.default
    if field is not None and field.default_factory is not MISSING:
        return field.default_factory()
    raise LookupError(f"{name} is missing")
