"""Keeps the processes of one instance alive: each in a session of its own, restarted when it dies, ended together."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from mastablasta.core import ancestry, processes
from mastablasta.core.time_scale import scaled
from mastablasta.ops.forks import Fork
from mastablasta.ops.instance_dir import InstanceDir

FIRST_DELAY_S, LONGEST_DELAY_S, STABLE_S = scaled(1), scaled(10), scaled(30)
STOP_S = 25.0  # a worker may take 20 s to hand back what it holds
LOOK_S = 0.1
CALM_LOOK_S = 0.25  # how often it looks once all are up
PROBE_S = 0.3


@dataclass(slots=True)
class Part:
    """One kind of process: a `command`, or what a fork of ours is to `run`; `ps` shows that as "MastaBlasta <name>".

    `leaves_s`: how long what its main process leaves behind may take to end by itself.
    """

    name: str
    command: Sequence[str] = ()
    run: Callable[[], object] | None = None
    leaves_s: float = 0.0
    process: subprocess.Popen[bytes] | Fork | None = field(default=None, init=False)
    delay_s: float = field(default=0.0, init=False)
    changed_at: float = field(default=0.0, init=False)  # when it was started, or found dead


class Runner:
    """Starts `parts` in `folder`, and ends them on SIGTERM or SIGINT.

    `is_ready` is asked until it says so once; then `announce` is called.
    """

    def __init__(
        self,
        home: InstanceDir,
        parts: Sequence[Part],
        *,
        folder: Path,
        environment: Mapping[str, str],
        is_ready: Callable[[], bool],
        announce: Callable[[], None],
    ) -> None:
        self.home = home
        self.parts = parts
        self.folder = folder
        self.environment = environment
        self.is_ready = is_ready
        self.announce = announce
        self.is_told_to_stop = False
        self.sessions: dict[str, int] = {}

    def run(self) -> None:
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._stop)
        ancestry.adopt_orphans()
        try:
            for part in self.parts:
                if not self.is_told_to_stop:
                    self._start(part)
            self._keep()
        finally:
            self._end()

    def _stop(self, *_: object) -> None:
        self.is_told_to_stop = True

    def _start(self, part: Part) -> None:
        part.process = self._forked(part.run, part) if part.run else self._executed(part)
        part.changed_at = time.monotonic()
        self.sessions[part.name] = part.process.pid
        self.home.record(self.sessions)

    def _forked(self, run: Callable[[], object], part: Part) -> Fork:
        def begin() -> None:
            self.home.let_go()
            os.chdir(self.folder)
            os.environ.update(self.environment)

        return Fork(run, title=f"MastaBlasta {part.name}", let_go=begin)

    def _executed(self, part: Part) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  our own commands
            list(part.command),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _keep(self) -> None:
        probed_at, is_announced = 0.0, False
        while not self.is_told_to_stop:
            for part in self.parts:
                self._look_after(part)
            processes.bury_orphans(except_for=[part.process.pid for part in self.parts if part.process])
            if not is_announced and time.monotonic() >= probed_at + PROBE_S:
                probed_at = time.monotonic()
                if is_announced := self.is_ready():
                    self.announce()
            time.sleep(CALM_LOOK_S if is_announced else LOOK_S)

    def _look_after(self, part: Part) -> None:
        now = time.monotonic()
        if part.process is not None:
            status = part.process.poll()
            if status is None:
                return
            had_been_well = now > part.changed_at + STABLE_S
            part.delay_s = FIRST_DELAY_S if had_been_well else min(2 * part.delay_s or FIRST_DELAY_S, LONGEST_DELAY_S)
            part.process, part.changed_at = None, now
            how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            _say(f"{part.name} {how}; it is started again in {part.delay_s:g} s")
        elif now >= part.changed_at + part.delay_s:
            self._end_session(part)
            self._start(part)

    def _end_session(self, part: Part) -> None:
        """End what the main process of `part` left, so that the next one finds its port and its work free."""

        def left() -> list[psutil.Process]:
            return self.home.members({self.sessions[part.name]})

        deadline = part.changed_at + part.leaves_s
        while time.monotonic() < deadline and left():
            time.sleep(LOOK_S)
        processes.end(left, patience_s=2.0)

    def _end(self) -> None:
        """SIGTERM to main processes only (helpers told at the same time would hang their parents), then the rest."""
        running = [part.process for part in self.parts if part.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_S
        while any(process.poll() is None for process in running) and time.monotonic() < deadline:
            time.sleep(0.05)
        processes.end(lambda: self.home.members(set(self.sessions.values())), patience_s=0)
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
        processes.bury_orphans(except_for=[])


def answers(port: int, path: str) -> bool:
    """Whether a GET of 127.0.0.1:`port` is answered with 200 within 2 s."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def python(*arguments: str) -> list[str]:
    """The command that runs Python as we do."""
    return [sys.executable, *arguments]


def inherited(**changes: str) -> dict[str, str]:
    """Our environment for a child, with `changes`."""
    return {**os.environ, **changes}


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201  it speaks to the terminal
