"""`python -m bench NAME`: each bench begins in a process in which nobody has set Django up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.__main__ import BENCHES, BY_NAME_ONLY

ROOT = Path(__file__).resolve().parent.parent
LOADED = """
import importlib, json, sys
def reason(name):
    try:
        return None if callable(importlib.import_module(f"bench.{name}").run) else "has no run()"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
print(json.dumps({name: reason(name) for name in sys.argv[1:]}))
"""


def test_each_bench_begins_before_anybody_has_set_django_up() -> None:
    names = [*BENCHES, *BY_NAME_ONLY]

    answer = subprocess.run(
        [sys.executable, "-c", LOADED, *names], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert json.loads(answer.stdout) == dict.fromkeys(names)
