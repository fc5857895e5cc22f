"""One instance for the module, whose platforms guard against nothing, and people on all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.crowd import Crowd
from tests.instance import Instance


@pytest.fixture(scope="module")
def instance(database_url: str) -> Iterator[Instance]:
    with Instance(database_url, PUBLISH_THREADS="8") as running:
        running.sandbox.limits(idempotency=False, duplicates=False, quotas=False)
        yield running


@pytest.fixture(scope="module")
def crowd(instance: Instance) -> Crowd:
    return Crowd(instance)
