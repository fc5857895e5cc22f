"""A workspace with its owner, and threads that give their database connections back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from accounts.models import Membership, User, Workspace
from accounts.tests.factories import make_workspace


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace(name="Birds")


@pytest.fixture
def owner(workspace: Workspace) -> User:
    return Membership.objects.select_related("user").get(workspace=workspace).user


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Call `act(0)`, `act(1)` … at the same moment on threads of their own; return results and exceptions in order."""
    results: list[Any] = [None] * count
    barrier = threading.Barrier(count)

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = act(index)
        except Exception as error:  # noqa: BLE001  it is a result here
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results
