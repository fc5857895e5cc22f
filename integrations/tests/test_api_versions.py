"""Operators are told in time that a platform ends the version of its API that the program is written for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations import registry
from integrations.checks import api_versions_live
from integrations.platforms.linkedin.capabilities import CAPABILITIES
from integrations.platforms.linkedin.connector import LinkedInConnector


@pytest.mark.parametrize(("days", "is_warned"), [(62, False), (59, True), (-1, True)])
def test_operator_is_warned_sixty_days_ahead(monkeypatch: pytest.MonkeyPatch, days: int, is_warned: bool) -> None:
    assert CAPABILITIES.api_version is not None
    last_day = (datetime.now(UTC).date() + timedelta(days=days)).isoformat()
    ends = replace(CAPABILITIES, api_version=replace(CAPABILITIES.api_version, last_day=last_day))
    monkeypatch.setattr(LinkedInConnector, "capabilities", ends)
    others = [slug for slug in registry.built() if slug != "linkedin" and registry.capabilities(slug).api_version]

    told = [warning.msg for warning in api_versions_live() if "LinkedIn" in warning.msg]

    assert others == []
    assert [last_day in sentence and "202609" in sentence for sentence in told] == [True] * is_warned
