"""Ids of rows: UUIDv7, so that they sort by creation and stay out of each other's index pages."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from uuid_utils import compat

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> uuid.UUID:
    return compat.uuid7()


def first_id_at(moment: datetime) -> uuid.UUID:
    """An id that is below all that `new_id` gives from `moment` on, and above those that it gave before.

    A UUIDv7 begins with the milliseconds since 1970 in 48 bits (RFC 9562, section 5.7); 1970 itself stands for all
    that is earlier.
    """
    milliseconds = max(0, (moment - _EPOCH) // (datetime.resolution * 1000))
    return uuid.UUID(int=min(milliseconds, 2**48 - 1) << 80)
