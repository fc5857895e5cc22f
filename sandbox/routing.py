"""Which of a platform's routes a request means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from re import Pattern
from typing import Any, Generic, TypeVar

from starlette.routing import compile_path

from sandbox.wire import Answer, Request

PlatformT = TypeVar("PlatformT")


class Operation(StrEnum):
    """What a call is for, in words that all platforms share."""

    PUBLISH = "publish"
    UPLOAD = "upload"
    LOOKUP = "lookup"
    DELETE = "delete"
    TOKEN = "token"
    METRICS = "metrics"
    OTHER = "other"


@dataclass(slots=True, frozen=True)
class Route(Generic[PlatformT]):
    """`can_process`: the platform may go on working on it after its answer."""

    operation: Operation
    handler: Callable[[PlatformT, Request], Answer]
    can_process: bool = False


class Routes(Generic[PlatformT]):
    """The routes of one platform: fixed paths by one look into a dict, the others by pattern, in order."""

    def __init__(self) -> None:
        self._fixed: dict[tuple[str, str], Route[PlatformT]] = {}
        self.processing_operations: set[Operation] = set()
        self._patterns: list[tuple[str, Pattern[str], Route[PlatformT]]] = []

    def add(
        self, method: str, path: str, operation: Operation, *, can_process: bool = False
    ) -> Callable[[Callable[[PlatformT, Request], Answer]], Callable[[PlatformT, Request], Answer]]:
        """Register a handler; `path` may hold `{name}` and `{name:path}`, which come as `request.args`."""

        def register(
            handler: Callable[[PlatformT, Request], Answer],
        ) -> Callable[[PlatformT, Request], Answer]:
            route = Route(operation, handler, can_process)
            if can_process:
                self.processing_operations.add(operation)
            if "{" in path:
                self._patterns.append((method, compile_path(path)[0], route))
            else:
                self._fixed[method, path] = route
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Route[PlatformT] | None, dict[str, str]]:
        """Return the route and the values in its path; no route is (None, {})."""
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed, {}
        for known_method, pattern, route in self._patterns:
            match = pattern.match(path) if known_method == method else None
            if match is not None:
                found: dict[str, Any] = match.groupdict()
                return route, found
        return None, {}
