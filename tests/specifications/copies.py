"""Where copies of the whole specifications may be. The project holds none; what it needs of them is in the tables."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("MASTABLASTA_SPECS") or ROOT.parent / "shared" / "specs")


def copy_of(*names: str) -> Path:
    """A file or folder of the specifications. Skips the test where it is not at hand."""
    path = FOLDER.joinpath(*names)
    if not path.exists():
        pytest.skip(
            f"This compares our tables with the platforms' own specifications, and {'/'.join(names)} is not at hand: "
            "to run it, let MASTABLASTA_SPECS name the folder that holds it."
        )
    return path


def json_copy_of(name: str) -> Any:
    return json.loads(copy_of(name).read_text())
