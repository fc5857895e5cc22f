"""How long the program waits, shortened together for tests of whole processes (TIME_SCALE; 1 everywhere else).

Only what the program itself decides to wait goes through here: leases, look-ups, probes, time-outs. What others
promise (Retry-After, rates, due times) is theirs, and what a busy machine needs stays as it is. Leases are 5 s in such
tests: a machine that stalls for longer looks like a dead worker there.
"""

from __future__ import annotations

from django.conf import settings


def scaled(seconds: float) -> float:
    """So many seconds of a real instance, as they pass in this one."""
    scale: float = settings.TIME_SCALE
    return seconds * scale
