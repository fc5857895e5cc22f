"""Record keys of our own choosing: the same part has the same key, whoever sends it and however often.

Nothing is stored for it: the first call of a text is the visible one, and a doubt is settled by one look-up.

A key for posts is a TID: 13 characters of a sortable base 32 that hold microseconds since 1970 (53 bits) and a clock's
number (10 bits). Source: https://atproto.com/specs/tid (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
from uuid import UUID

ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
LENGTH = 13
YEAR_US = 365 * 24 * 3600 * 1_000_000
EPOCH_US = 1_700_000_000_000_000


def record_key(key: str) -> str:
    """The record key of a step's key, `<delivery>.<generation>.<part>`.

    Its time is the one in the delivery's UUIDv7, so that it is plausible and two deliveries differ; what is below a
    millisecond, and the clock's number, come from the whole key, so that parts and generations differ.
    """
    digest = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    micros = _millis(key) * 1000 + digest % 1000
    return tid(micros, (digest >> 16) & 0x3FF)


def tid(micros: int, clock: int) -> str:
    value = (micros << 10) | clock
    return "".join(ALPHABET[(value >> (5 * place)) & 31] for place in reversed(range(LENGTH)))


def _millis(key: str) -> int:
    try:
        delivery = UUID(key.partition(".")[0])
    except ValueError:
        delivery = None
    if delivery is not None and delivery.version == 7:
        return delivery.int >> 80
    # No delivery of ours: some moment that depends on the key alone.
    digest = int.from_bytes(hashlib.sha256(key.partition(".")[0].encode()).digest()[8:16], "big")
    return (EPOCH_US + digest % YEAR_US) // 1000
