from __future__ import annotations

import subprocess
import sys

WASTE = """
import gc
from mastablasta.core.memory import settle_memory

gc.set_threshold(50_000, 20, 100)  # as settings.py has it while the program loads
settle_memory()

class Ring:
    gone = 0
    def __init__(self):
        self.own = self
    def __del__(self):
        Ring.gone += 1

for _ in range(30_000):
    Ring()
print(Ring.gone >= 20_000, gc.get_freeze_count() > 1_000)
"""


def test_garbage_lies_about_for_ten_thousand_objects_at_most_once_all_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", WASTE], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("True True\n", "")
