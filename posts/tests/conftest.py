"""A workspace and its owner, signed in; accounts that the simulator knows, and drains to publish to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import Membership, Workspace
from accounts.tests.factories import make_workspace, signed_in
from integrations.models import SocialAccount
from integrations.services import circuits
from integrations.tests.factories import connect, make_account
from posts.engine import outcomes, publisher
from tests.world import Sandbox

Connect = Callable[..., SocialAccount]


HASTE = 0.2  # of real waits, for what publishes in a test's own process


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drains end soon after their work, not after seconds of waiting for more."""
    monkeypatch.setattr(publisher, "LINGER_S", 0.05)


@pytest.fixture(autouse=True)
def _in_haste(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Publishing to the simulator waits a fifth of what it waits in earnest: retries, look-ups, probes, absence."""
    if "sandbox" in request.fixturenames:
        settings.TIME_SCALE = HASTE
        monkeypatch.setattr(outcomes, "LOOKS_S", tuple(seconds * HASTE for seconds in outcomes.LOOKS_S))
        monkeypatch.setattr(outcomes, "LONGEST_GAP_S", outcomes.LONGEST_GAP_S * HASTE)
        monkeypatch.setattr(circuits, "SHORTEST_PROBE_S", circuits.SHORTEST_PROBE_S * HASTE)


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture
def account(workspace: Workspace) -> SocialAccount:
    """Of the workspace, at Mastodon."""
    return make_account(workspace=workspace)


@pytest.fixture
def client(workspace: Workspace) -> APIClient:
    """Signed in as the workspace's owner."""
    return signed_in(Membership.objects.get(workspace=workspace).user)


@pytest.fixture
def connected(sandbox: Sandbox) -> Connect:
    """Makes an account of the simulator's Mastodon, signed in by real OAuth: `connected("anna")`."""

    def make(handle: str = "anna", **overrides: Any) -> SocialAccount:
        return connect(sandbox, handle, **overrides)

    return make
