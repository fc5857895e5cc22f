"""A workspace and its owner, signed in."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from accounts.models import Workspace
from accounts.tests.factories import make_workspace, signed_in


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture
def client(workspace: Workspace) -> APIClient:
    return signed_in(workspace.members.get())
