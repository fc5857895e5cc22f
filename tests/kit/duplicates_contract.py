"""What a connector keeps at a platform that refuses the same text of one account twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import pytest

from integrations.contract import Absent, Found
from integrations.errors import OutcomeUnknown, Unavailable
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of


class DuplicatesContract:
    """Beside ConnectorContract. `refuses_duplicates`: what tells the simulator to, where it does not by itself."""

    slug: ClassVar[str]
    refuses_duplicates: ClassVar[Mapping[str, Any]] = {}

    def test_post_that_is_refused_as_its_own_duplicate_is_looked_for_and_not_sent_again(
        self, anna: SignedInAccount, before: datetime
    ) -> None:
        """The list lags, so that absence was believed; that the text is refused tells that this was wrong."""
        anna.sandbox.limits(**self.refuses_duplicates, lookup_lag_ms=60_000)
        anna.fault("accept_then_reset")
        step, notes = step_of("Once only"), InMemoryProgress()
        with pytest.raises(OutcomeUnknown):
            anna.connector.publish(step, progress=notes)
        looked = anna.connector.reconcile(step, progress=notes, since=before, known=frozenset())

        with pytest.raises(OutcomeUnknown):
            anna.connector.publish(step, progress=notes)
        with pytest.raises(Unavailable):
            anna.connector.reconcile(step, progress=notes, since=before, known=frozenset())
        anna.sandbox.limits(lookup_lag_ms=0)
        found = anna.connector.reconcile(step, progress=notes, since=before, known=frozenset())

        [post] = anna.sandbox.posts(self.slug)
        assert isinstance(found, Found)
        assert (looked, found.remote_id) == (Absent(), post["id"])
