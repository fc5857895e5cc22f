"""The limit: a plain thread pool of kept sessions that posts to the same simulator, and does nothing else.

`python -m bench.bare URL THREADS` reads tokens, one a line, from standard input, waits for an empty line, posts once
with each token, and prints when it began and ended (seconds since the epoch), and its CPU seconds.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Bare:
    """What it took: seconds by the clock, and CPU seconds of the posting processes."""

    wall_s: float
    cpu_s: float


def post_all(url: str, tokens: list[str], threads: int) -> tuple[float, float, float]:
    at, local = urlsplit(url), threading.local()

    def post(numbered: tuple[int, str]) -> None:
        number, token = numbered
        if not hasattr(local, "line"):
            local.line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        local.line.request("POST", f"{at.path}/api/v1/statuses", json.dumps({"status": f"bare {number}"}), headers)
        answer = local.line.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the simulator answered {answer.status}")

    began, cpu_before = time.time(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(post, enumerate(tokens)))
    return began, time.time(), time.process_time() - cpu_before


def measure(url: str, jobs: list[str], *, processes: int, threads: int, module: str = "bench.bare") -> Bare:
    """What `processes` x `threads` sessions of `module` take for these jobs, a line each; here tokens to post with."""
    command = [sys.executable, "-m", module, url, str(threads)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for number, process in enumerate(running):
        assert process.stdin is not None
        process.stdin.write("\n".join(jobs[number::processes]) + "\n")
        process.stdin.flush()
    time.sleep(1)
    rows: list[list[float]] = []
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in running:
        printed, _ = process.communicate(timeout=300)
        if process.returncode:
            raise RuntimeError("the bare limit could not be measured")
        rows.append([float(part) for part in printed.split()])
    began, ended, cpu = zip(*rows, strict=True)
    return Bare(max(ended) - min(began), sum(cpu))


if __name__ == "__main__":
    given = list(iter(sys.stdin.readline, "\n"))
    print(*post_all(sys.argv[1], [line.strip() for line in given], int(sys.argv[2])))
