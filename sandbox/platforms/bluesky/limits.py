"""How often a service lets one address, one identifier or one account call.

Sources: https://docs.bsky.app/docs/advanced-guides/rate-limits and the reference server (read 2026-11-23).
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.quotas import Quota, Reading
from sandbox.wire import Header

ALL_CALLS = Quota("all", 3_000, 300)
SIGN_INS = (Quota("sign-in", 30, 300), Quota("sign-in by day", 300, 86_400))
WRITES_BY_HOUR = Quota("writes by hour", 5_000, 3_600)
WRITES = (WRITES_BY_HOUR, Quota("writes by day", 35_000, 86_400))
UPLOADS = Quota("uploads by day", 1_000, 86_400)
CREATE_POINTS, PUT_POINTS, DELETE_POINTS = 3, 2, 1


@dataclass(slots=True, frozen=True)
class Spent:
    """One quota that a call has used, and where it stands since."""

    quota: Quota
    reading: Reading

    def headers(self) -> list[Header]:
        """Return what is left; the reset is in seconds since the epoch, rounded up."""
        return [
            (b"ratelimit-limit", b"%d" % self.quota.limit),
            (b"ratelimit-remaining", b"%d" % max(self.reading.remaining, 0)),
            (b"ratelimit-reset", b"%d" % -(-self.reading.reset_ms // 1000)),
            (b"ratelimit-policy", b"%d;w=%d" % (self.quota.limit, self.quota.period_s)),
        ]
