"""Ids of rows: UUIDv7, so that they sort by creation and stay out of each other's index pages."""

from __future__ import annotations

import uuid

from uuid_utils import compat


def new_id() -> uuid.UUID:
    return compat.uuid7()
