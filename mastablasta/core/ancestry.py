"""Who dies with whom, and who becomes whose parent: what Linux does about process trees (prctl).

Elsewhere these calls do nothing, and the walks of mastablasta.core.processes remain. Apart from these, as decoders need
no more and psutil takes a quarter of the time in which they start.
"""

from __future__ import annotations

import ctypes
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, instead of init. Kept across exec."""
    if _libc is not None:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def signal_when_parent_dies(signum: int) -> None:
    """Ask the kernel for `signum` when the process that forked us ends. Not inherited by our own children."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
