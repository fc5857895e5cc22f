"""The top-level domains there are, for platforms that make links of bare domains; their source heads the list."""

from __future__ import annotations

from pathlib import Path

_LINES = Path(__file__).with_name("tlds.txt").read_text(encoding="utf-8").splitlines()
TLDS = frozenset(line for line in _LINES if not line.startswith("#"))
