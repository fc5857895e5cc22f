"""The platforms of these tests guard against nothing: a second copy would show."""

from __future__ import annotations

import pytest

from tests.instance import Instance


@pytest.fixture
def instance(instance: Instance) -> Instance:
    instance.sandbox.limits(idempotency=False, duplicates=False, quotas=False)
    return instance
