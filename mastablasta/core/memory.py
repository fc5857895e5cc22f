"""What processes that were forked share, and what garbage may take."""

from __future__ import annotations

import gc


def settle_memory() -> None:
    """Call when all is loaded that this process, and those that it forks, need: it stays, and is shared with them.

    A garbage collection writes to each object that it looks at, and what is written to is shared no more: what is there
    now is looked at never again. From now on one comes after 10,000 objects more, not after 50,000 as while the program
    loads (settings.py): so much garbage would be some megabytes in each process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
