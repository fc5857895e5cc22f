"""Needs more memory than there may be."""

from __future__ import annotations

from typing import Any


def main(order: dict[str, Any]) -> dict[str, Any]:
    return {"made": len(bytearray(64 * 1024**3))}
