"""A complete instance, as a user starts it, for tests of whole processes, for fault tests and for the bench.

with Instance(database_url=url) as instance:
    client = instance.client()                       # registered and signed in
    account = client.connect_mastodon("ada")
    client.post("posts", {"content": "hi", "accounts": [account], "publish": True})
    instance.kill("sentinel")                        # SIGKILL, by role
    instance.wait_ready()
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.client import Client, Refused
from tests.ports import free_port
from tests.world import Sandbox

ROOT = Path(__file__).resolve().parent.parent
READY_LINE = "MastaBlasta is ready: "
ROLES = ("web", "web_worker", "simulator", "worker", "sentinel", "q2_worker", "pusher", "monitor", "clock")


class Instance:
    """One running instance in a folder of its own; `stop` (or the end of the block) proves that nothing is left.

    `database_url` "" is SQLite. `settings` are further environment variables. `folder` is kept when given.
    """

    def __init__(self, database_url: str = "", folder: Path | None = None, **settings: str) -> None:
        self.is_own_folder = folder is None
        self.home = folder or Path(tempfile.mkdtemp(prefix="mb-instance-"))
        self.port, self.sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox = Sandbox(f"http://127.0.0.1:{self.sandbox_port}")
        self.database_url = database_url
        self.settings = settings
        self.runner: subprocess.Popen[bytes] | None = None
        self.output_path = self.home / "output.log"

    # --- life ---
    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self._clear()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.stop()
        self._clear()

    def environment(self) -> dict[str, str]:
        """Of every command that acts on this instance."""
        from tests.__main__ import clean_environment

        kept = clean_environment(self.home)
        kept.pop("PYTEST_CURRENT_TEST", None)
        return kept | {
            "DJANGO_SETTINGS_MODULE": "mastablasta.settings",
            "MASTABLASTA_HOME": str(self.home),
            "MASTABLASTA_MODE": "development",
            "DATABASE_URL": self.database_url,
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            **self.settings,
        }

    def launch(self, *command: str) -> subprocess.Popen[bytes]:
        """Start the runner (or another `command` in its place) without waiting."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.output_path.open("ab") as output:
            self.runner = subprocess.Popen(
                command or (sys.executable, "manage.py", "up"),
                cwd=ROOT,
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self.runner

    def start(self, timeout_s: float = 30) -> Self:
        announced = self.output().count(READY_LINE)
        self.launch()
        self.wait_for(lambda: self.output().count(READY_LINE) > announced, timeout_s, what="ready")
        return self

    def wait_ready(self, timeout_s: float = 30) -> float:
        """Wait until /readyz answers 200; returns the seconds it took. Raises AssertionError, with the log."""
        started = time.monotonic()
        self.wait_for(self.is_ready, timeout_s, what="ready")
        return time.monotonic() - started

    def wait_for(self, condition: Callable[[], Any], timeout_s: float, *, what: str) -> Any:
        """Wait until `condition` gives something true, and return that."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if found := condition():
                return found
            if self.runner is not None and self.runner.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"not {what} within {timeout_s} s\n{self.readyz()}\n{self.output()[-6000:]}")

    def is_ready(self) -> bool:
        return self.readyz()[0] == 200

    def readyz(self) -> tuple[int, Any]:
        """Status (0 = no answer) and JSON of /readyz."""
        try:
            return 200, Client(self.url).call("GET", f"{self.url}/readyz", timeout_s=5)
        except Refused as refused:
            return refused.status, refused.answer
        except OSError as error:
            return 0, str(error)

    def beat_through_queue_since(self, moment: float) -> bool:
        """Whether all is well and a heartbeat came through the queue after `moment` (time.monotonic)."""
        status, answer = self.readyz()
        return status == 200 and time.monotonic() - answer["checks"]["worker"]["age_s"] > moment

    def output(self) -> str:
        """What the runner and its processes wrote to the terminal."""
        return self.output_path.read_text(errors="replace") if self.output_path.exists() else ""

    def stop(self, signum: int = signal.SIGTERM, timeout_s: float = 40) -> float:
        """Tell the runner to stop, and prove that no process and no lock is left; returns the seconds it took."""
        if self.runner is None:
            return 0.0
        started = time.monotonic()
        if self.runner.poll() is None:
            self.runner.send_signal(signum)
        status = self.runner.wait(timeout_s)
        took_s = time.monotonic() - started
        assert self.processes() == [], f"left: {self.processes()}\n{self.output()[-3000:]}"
        assert status == 0, f"ended with status {status}\n{self.output()[-3000:]}"
        assert [path.name for path in (self.home / "run").iterdir()] == []
        self.runner = None
        return took_s

    def _clear(self) -> None:
        for process in self.processes():
            with _gone():
                process.kill()
        if self.runner is not None:
            self.runner.wait(10)
        if self.is_own_folder:
            shutil.rmtree(self.home, ignore_errors=True)

    # --- processes ---
    def processes(self) -> list[psutil.Process]:
        """Every process with this MASTABLASTA_HOME, the runner too; without zombies."""
        found = []
        for process in psutil.process_iter():
            with _gone():
                is_ours = process.environ().get("MASTABLASTA_HOME") == str(self.home)
                if is_ours and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                    found.append(process)
        return found

    def pids(self, role: str) -> list[int]:
        """The processes of a role (see ROLES), oldest first."""
        found = []
        for process in self.processes():
            with _gone():
                if _role(process) == role:
                    found.append((process.create_time(), process.pid))
        return [pid for _, pid in sorted(found)]

    def census(self) -> dict[str, int]:
        """How many processes there are of each role."""
        roles = [role for process in self.processes() if (role := _role(process))]
        return {role: roles.count(role) for role in roles}

    def pid(self, role: str) -> int:
        """The first process of a role; waits for it to be there."""
        found: list[int] = self.wait_for(lambda: self.pids(role), 15, what=f"running: {role}")
        return found[0]

    def kill(self, role: str, signum: int = signal.SIGKILL) -> int:
        """Signal the first process of a role and return its number."""
        pid = self.pid(role)
        os.kill(pid, signum)
        return pid

    def queue_lock_holder(self) -> int:
        """The idle worker that waits for the next task with the queue's lock in hand."""

        def waits_for_data(pid: int) -> bool:
            return "pipe" in Path(f"/proc/{pid}/wchan").read_text()

        found = [pid for pid in self.pids("q2_worker") if waits_for_data(pid)]
        return found[0] if found else self.pid("q2_worker")

    def manage(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a management command on this instance."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a further process of this instance (`run_worker`, `run_clock`); the caller ends it."""
        with self.output_path.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    # --- people ---
    def client(self) -> Client:
        """A newly registered person."""
        return Client(self.url, sandbox_url=self.sandbox.url).register()


def _role(process: psutil.Process) -> str:
    try:
        title = " ".join(process.cmdline()).strip()
    except psutil.Error:
        return ""
    for beginning, role in (
        ("qcluster sentinel", "sentinel"),
        ("qcluster worker", "q2_worker"),
        ("qcluster pusher", "pusher"),
        ("qcluster monitor", "monitor"),
        ("gunicorn: master", "web"),
        ("gunicorn: worker", "web_worker"),
    ):
        if title.startswith(beginning):
            return role
    for part, role in (
        ("manage.py run_worker", "worker"),
        ("manage.py run_clock", "clock"),
        ("-m sandbox", "simulator"),
        ("manage.py up", "runner"),
    ):
        if part in title:
            return role
    return ""


class _gone:  # noqa: N801  reads as a statement
    """Passes over a process that ended meanwhile, or is somebody else's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, psutil.Error | ProcessLookupError)
