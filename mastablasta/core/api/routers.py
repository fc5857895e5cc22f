"""How viewsets get their paths."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter


class ApiRouter(SimpleRouter):
    """DRF's, with paths as Django writes them (`posts/<uuid:id>`) and no trailing slash, which the site map allows."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False, use_regex_path=False)
