"""How often X lets one person, or one app, call. Source: https://docs.x.com/x-api/fundamentals/rate-limits."""

from __future__ import annotations

from sandbox.quotas import Quota, Reading
from sandbox.wire import Header

WINDOW_S = 900
DAY_S = 86_400
CREATE = Quota("create", 100, WINDOW_S)
CREATE_BY_APP = Quota("create by app", 10_000, DAY_S)
DELETE = Quota("delete", 50, WINDOW_S)
READ_ONE = Quota("read one", 900, WINDOW_S)
READ_MANY = Quota("read many", 5_000, WINDOW_S)
TIMELINE = Quota("timeline", 900, WINDOW_S)
ME = Quota("me", 75, WINDOW_S)
UPLOAD = Quota("upload", 500, WINDOW_S)
UPLOAD_BY_APP = Quota("upload by app", 50_000, DAY_S)
INITIALIZE = Quota("initialize", 1_875, WINDOW_S)
INITIALIZE_BY_APP = Quota("initialize by app", 180_000, DAY_S)
APPEND = Quota("append", 1_875, WINDOW_S)
APPEND_BY_APP = Quota("append by app", 180_000, DAY_S)
FINALIZE = Quota("finalize", 1_875, WINDOW_S)
FINALIZE_BY_APP = Quota("finalize by app", 180_000, DAY_S)
UPLOAD_STATUS = Quota("upload status", 1_000, WINDOW_S)
UPLOAD_STATUS_BY_APP = Quota("upload status by app", 100_000, DAY_S)
DESCRIBE = Quota("describe", 500, WINDOW_S)
DESCRIBE_BY_APP = Quota("describe by app", 50_000, DAY_S)


def rate_headers(reading: Reading, prefix: bytes = b"x-rate-limit") -> list[Header]:
    """Return limit, calls left and when the window opens again: seconds since the epoch, rounded up."""
    return [
        (prefix + b"-limit", b"%d" % reading.limit),
        (prefix + b"-remaining", b"%d" % max(reading.remaining, 0)),
        (prefix + b"-reset", b"%d" % -(-reading.reset_ms // 1000)),
    ]
