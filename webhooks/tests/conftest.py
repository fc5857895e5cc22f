"""A receiver on loopback, which webhooks may reach where a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.kit.receiver import Receiver, receiving
from webhooks import sender


@pytest.fixture
def receiver(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    monkeypatch.setattr(sender, "LINGER_S", 0.0)
    with receiving() as running:
        yield running
