"""Databases as earlier commits wrote them, to be migrated by tests/faults/test_old_databases.py.

`<day>.<commit>.sqlite.sql.xz` and `….postgresql.sql.xz`: what stood in each after make.py had filled it, as SQL.
"""

from __future__ import annotations

import lzma
from pathlib import Path

FOLDER = Path(__file__).parent
WRITTEN = sorted(path.name.removesuffix(".sqlite.sql.xz") for path in FOLDER.glob("*.sqlite.sql.xz"))
NEWEST = WRITTEN[-1]


def commit_of(name: str) -> str:
    """The commit whose code wrote it."""
    return name.rpartition(".")[2]


def sql_of(name: str, vendor: str) -> str:
    """What makes that database, as SQL for `sqlite` or `postgresql`."""
    return lzma.decompress((FOLDER / f"{name}.{vendor}.sql.xz").read_bytes()).decode()
