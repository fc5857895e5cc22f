"""Files on their way to a platform: how much one call of `publish` may upload, and how long one file may take."""

from __future__ import annotations

from integrations.contract import MediaUse
from mastablasta.core.outbound import File

AT_ONCE_BYTES = 8 << 20  # in one call of publish, but for its first file
LONGEST_CALL_S = 55.0
SLOWEST_BYTES_S = 250_000


def is_enough(sent: int, use: MediaUse) -> bool:
    """Whether this file is to wait for the next call, after `sent` bytes in this one."""
    return bool(sent) and sent + use.size > AT_ONCE_BYTES


def timeout_s(use: MediaUse) -> float:
    """How long the whole call that sends this file may take."""
    return min(LONGEST_CALL_S, 10.0 + use.size / SLOWEST_BYTES_S)


def file_of(use: MediaUse) -> File:
    """The file as it is sent: its bytes from the disk, under a name that tells nothing but its type."""
    return File(f"{use.asset_id}.{use.mime_type.partition('/')[2]}", use.mime_type, path=use.path)
