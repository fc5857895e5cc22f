"""How viewsets get their paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rest_framework.routers import SimpleRouter


class ApiRouter(SimpleRouter):
    """DRF's, with paths as Django writes them (`posts/<uuid:id>`) and no trailing slash, which the site map allows."""

    def __init__(self, *, under: str = "") -> None:
        """`under`: what the site map puts before these paths, with a slash at its end."""
        super().__init__(trailing_slash=False, use_regex_path=False)
        self.under = under

    def resources(self) -> Iterator[tuple[str, type[Any]]]:
        """The path of each resource below /api/v2, and its viewset."""
        for prefix, viewset, _ in self.registry:
            yield f"{self.under}{prefix}".rstrip("/"), viewset
