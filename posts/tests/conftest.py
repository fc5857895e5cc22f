"""Accounts that the simulator knows, and drains to publish to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integrations.models import SocialAccount
from integrations.tests.factories import connect
from posts.services import publishing
from tests.world import Sandbox

Connect = Callable[..., SocialAccount]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drains end soon after their work, not after seconds of waiting for more."""
    monkeypatch.setattr(publishing, "LINGER_S", 0.2)


@pytest.fixture
def connected(sandbox: Sandbox) -> Connect:
    """Makes an account of the simulator's Mastodon, signed in by real OAuth: `connected("anna")`."""

    def make(handle: str = "anna", **overrides: Any) -> SocialAccount:
        return connect(sandbox, handle, **overrides)

    return make
