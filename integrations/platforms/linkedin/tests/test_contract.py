"""LinkedIn against the simulator: people and organisations, texts, cards, polls, comments and files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import (
    Content,
    Part,
)
from integrations.platforms.linkedin.tests.accounts import organisation_of
from tests.kit.connector_contract import SignedInAccount
from tests.kit.media_contract import MediaContract, MediaFolder
from tests.world import Sandbox

NOTHING: frozenset[str] = frozenset()
WITH_COMMENT = Content((Part("Root"), Part("First!", kind="comment")))


@pytest.fixture
def anna(sandbox: Sandbox) -> SignedInAccount:
    """An organisation that Anna administers."""
    sandbox.instance("linkedin", processing_ms=0)
    return organisation_of(sandbox, "anna")


@pytest.fixture
def before() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=2)


@pytest.fixture
def folder(tmp_path: Path) -> MediaFolder:
    return MediaFolder(tmp_path)


class TestLinkedIn(MediaContract):
    slug = "linkedin"

    def one_of(self, kind: str, anna: SignedInAccount, folder: MediaFolder, **more: Any) -> Any:
        """Videos have no alt text there."""
        if kind == "video":
            more.pop("alt_text", None)
        return super().one_of(kind, anna, folder, **more)
