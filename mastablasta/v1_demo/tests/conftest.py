"""A client of the demo, whose memory is empty. None of these tests may use the database: that is a promise."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.conf import settings
from django.test import Client

from mastablasta.v1_demo.memory import FileMemory


class DemoClient:
    """Calls below /api/; an answer is its status and its JSON."""

    def __init__(self) -> None:
        self.http = Client()

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        answer = self.http.generic(
            method, f"/api/{path}", b"" if body is None else _json(body), "application/json", **options
        )
        assert answer.headers["Content-Type"] == "application/json", answer.content
        return answer.status_code, answer.json()

    def made(self, path: str, **body: Any) -> Any:
        """The answer of a POST that has to be well."""
        status, answer = self("POST", path, body)
        assert status == 201, answer
        return answer


def _json(body: Any) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


@pytest.fixture
def demo() -> DemoClient:
    memory = FileMemory(settings.HOME / "run" / "v1")
    memory.change(lambda state: [rows.clear() for rows in (state.accounts, state.posts, state.oauth_states)])
    return DemoClient()
