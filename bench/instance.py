"""What an instance takes that nobody uses: its start, its CPU and its memory, on PostgreSQL and on SQLite.

The limit of `cold_start` is one import of the whole program, in turns with the starts; the bars of the others are
settled: 3 % of a core, 380 MB. The simulator is no part of either.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

import psutil

from bench.figures import say
from tests.instance import ROOT, Instance
from tests.pg import database, postgresql

STARTS = 3
SETTLING_S, WATCHED_S = 8.0, 40.0
CPU_BAR, MEMORY_BAR_MB, START_BAR = 3.0, 380.0, 2.0
IMPORTS = "import django; django.setup(); from mastablasta.ops import periodic; periodic.import_tasks()"
ROLES = ("web", "web_worker", "worker", "sentinel", "q2_worker", "pusher", "monitor", "clock")


def run() -> None:
    with postgresql(durable=True) as server, database(server) as url:
        measure(url, "")
    measure("", "_sqlite")


def measure(url: str, suffix: str) -> None:
    with Instance(url) as instance:  # the first start makes the tables
        time.sleep(SETTLING_S)
        before, began = cpu_by_role(instance), time.monotonic()
        time.sleep(WATCHED_S)
        after, watched_s = cpu_by_role(instance), time.monotonic() - began
        shares = {role: 100 * (after[role] - before[role]) / watched_s for role in after}
        say(f"idle_cpu{suffix}", sum(shares.values()), "% of a core", limit=CPU_BAR)
        for role, share in shares.items():
            say(f"idle_cpu{suffix}_{role}", share, "% of a core")
        say(f"memory{suffix}", memory_mb(instance), "MB", limit=MEMORY_BAR_MB)
        starts, imports = [], []
        for _ in range(STARTS):
            instance.stop()
            imports.append(import_s(instance))
            began = time.monotonic()
            instance.start()
            starts.append(time.monotonic() - began)
        limit = START_BAR * median(imports)
        say(f"cold_start{suffix}", median(starts), "s", limit=limit, ratio=limit / median(starts))


def cpu_by_role(instance: Instance) -> dict[str, float]:
    """Seconds of CPU of each role's processes so far; `up` is the runner."""
    pids = {role: instance.pids(role) for role in ROLES}
    pids["up"] = [instance.runner.pid] if instance.runner else []
    return {role: sum(map(cpu_s, found)) for role, found in pids.items()}


def cpu_s(pid: int) -> float:
    """Of the threads that it has now, to the microsecond: what wakes for a moment is lost between the clock's ticks."""
    with suppress(OSError):
        return sum(int(one.read_text().split()[0]) for one in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    return 0.0


def memory_mb(instance: Instance) -> float:
    """What all processes but the simulator hold, shared pages counted once."""
    pids = {pid for role in ROLES for pid in instance.pids(role)} | (
        {instance.runner.pid} if instance.runner else set()
    )
    return sum(psutil.Process(pid).memory_full_info().pss for pid in pids) / 1e6


def import_s(instance: Instance) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True, cwd=ROOT, env=instance.environment())
    return time.monotonic() - began
