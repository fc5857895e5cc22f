"""How much quicker whole processes wait in tests: the short form scales the program's own waits down (TIME_SCALE).

FAULTS=full in the environment is the long form, with the real ones.
"""

from __future__ import annotations

import os

from integrations import registry

IS_FULL = os.environ.get("FAULTS") == "full"
SCALE = 1.0 if IS_FULL else 0.25  # a lease of 5 s, renewed every 1.25 s: less, and a busy machine looks dead
# When absence can be believed, by platform.
SETTLE_S = {slug: registry.capabilities(slug).settle_s * SCALE for slug in registry.built()}


def scaled(seconds: float) -> float:
    """So many seconds of the real program, as they pass in the tests."""
    return seconds * SCALE
