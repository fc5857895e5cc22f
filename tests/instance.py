"""A complete instance, as a user starts it, for tests of whole processes, for fault tests and for the bench.

with Instance(database_url=url) as instance:
    client = instance.client()                       # registered and signed in
    account = client.connect_mastodon("ada")
    client.post("posts", {"content": "hi", "accounts": [account], "publish": True})
    instance.kill("sentinel")                        # SIGKILL, by role
    instance.wait_ready()
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self, cast

import psutil
import psycopg

from posts.search.index import add_functions
from tests.client import Client, Refused
from tests.databases import KEPT_BY_TRIGGERS
from tests.ports import free_port
from tests.world import Sandbox

ROOT = Path(__file__).resolve().parent.parent
READY_LINE = "MastaBlasta is ready: "
ROLES = ("web", "web_worker", "simulator", "worker", "sentinel", "q2_worker", "pusher", "monitor", "clock")
CLUSTER_WORKERS = 6  # of django-q2, as WORKERS is by default
PATIENCE_S = 180  # for what is to happen within seconds; a busy machine may need many of them
# What the migrations and django itself wrote, and signs of life of processes that live on.
KEPT_TABLES = {
    "django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions",
    "core_heartbeat", "core_instancerecord",
}  # fmt: skip
# Who makes them says so by a heartbeat, and resigns; for one who was killed the next one does, within seconds.
MEDIA_IN_WORK = """
SELECT 1 FROM media_library_asset WHERE status = 'processing'
 UNION ALL SELECT 1 FROM media_library_rendition WHERE status = 'processing'
 UNION ALL SELECT 1 FROM core_heartbeat WHERE name LIKE 'media:%' AND detail ->> 'owner' <> ''
"""


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
        self.command: tuple[str, ...] = ()
        self.output_path = self.home / "output.log"

    # --- life ---
    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.end()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.stop()
        self.end()

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
        """Start the runner (or another `command` that does) without waiting."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.command = command
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

    def start(self, *command: str) -> Self:
        announced = self.output().count(READY_LINE)
        self.launch(*command)
        self.wait_for(lambda: self.output().count(READY_LINE) > announced, what="ready")
        return self

    def cpu_s(self) -> float:
        """Seconds of computing that its processes have used so far: what a start costs, however busy the machine is."""
        return sum(sum(process.cpu_times()[:4]) for process in self.processes())

    def is_running(self) -> bool:
        return self.runner is not None and self.runner.poll() is None

    def wait_ready(self, timeout_s: float = PATIENCE_S) -> float:
        """Wait until /readyz answers 200; returns the seconds it took. Raises AssertionError, with the log."""
        started = time.monotonic()
        self.wait_for(self.is_ready, timeout_s, what="ready")
        return time.monotonic() - started

    def wait_for(self, condition: Callable[[], Any], timeout_s: float = PATIENCE_S, *, what: str) -> Any:
        """Wait until `condition` gives something true, and return that."""
        began = time.monotonic()
        while time.monotonic() < began + timeout_s:
            if found := condition():
                return found
            if self.runner is not None and self.runner.poll() is not None:
                break
            time.sleep(0.05 if time.monotonic() < began + 2 else 0.2)  # what takes long needs no close look
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

    def is_whole(self) -> bool:
        """Whether every process is there, and all is well."""
        found = self.census()
        if found.keys() != {*ROLES, "runner"} or found["q2_worker"] != CLUSTER_WORKERS:
            return False
        return self.is_ready() and self.sandbox.answers()

    def beat_through_queue_since(self, moment: float) -> bool:
        """Whether all is well and a heartbeat came through the queue after `moment` (time.monotonic)."""
        status, answer = self.readyz()
        return status == 200 and time.monotonic() - answer["checks"]["worker"]["age_s"] > moment

    def output(self) -> str:
        """What the runner and its processes wrote to the terminal."""
        return self.output_path.read_text(errors="replace") if self.output_path.exists() else ""

    def stop(self, signum: int = signal.SIGTERM, timeout_s: float = PATIENCE_S) -> float:
        """Tell the runner to stop, and prove that no process and no lock is left; returns the seconds it took."""
        if self.runner is None:
            return 0.0
        started = time.monotonic()
        for pid in self.pids("runner"):
            os.kill(pid, signum)
        status = self.runner.wait(timeout_s)
        took_s = time.monotonic() - started
        assert self.processes() == [], f"left: {self.processes()}\n{self.output()[-3000:]}"
        assert status == 0, f"ended with status {status}\n{self.output()[-3000:]}"
        assert self.left_in_run() == set()
        self.runner = None
        return took_s

    def left_in_run(self) -> set[str]:
        """What a run has left in `run/`, but for the demo's lock, which the next one finds free."""
        left = {path.relative_to(self.home).as_posix() for path in (self.home / "run").rglob("*")}
        return left - {"run/v1", "run/v1/in_use"}

    def end(self) -> None:
        """Kill what is left of it and remove its folder; proves nothing."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()
        if self.runner is not None:
            self.runner.wait(10)
        if self.is_own_folder:
            shutil.rmtree(self.home, ignore_errors=True)

    # --- processes ---
    def processes(self) -> list[psutil.Process]:
        """Every process with this MASTABLASTA_HOME, the runner too; without zombies."""
        mark = f"MASTABLASTA_HOME={self.home}".encode()
        found = []
        for pid in psutil.pids():
            with suppress(OSError, psutil.Error):  # it ended meanwhile, or is somebody else's
                is_ours = mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                if is_ours and pid != os.getpid() and (process := psutil.Process(pid)).status() != "zombie":
                    found.append(process)
        return found

    def pids(self, role: str) -> list[int]:
        """The processes of a role (see ROLES), oldest first."""
        return [pid for pid, found in self.roles().items() if found == role]

    def roles(self) -> dict[int, str]:
        """The role of each process that has one, oldest first."""
        found = []
        for process in self.processes():
            with suppress(psutil.Error):
                found.append((process.create_time(), process.pid, _role(process)))
        return {pid: role for _, pid, role in sorted(found) if role}

    def census(self) -> dict[str, int]:
        """How many processes there are of each role."""
        return dict(Counter(self.roles().values()))

    def pid(self, role: str) -> int:
        """The first process of a role; waits for it to be there."""
        found: list[int] = self.wait_for(lambda: self.pids(role), what=f"running: {role}")
        return found[0]

    def waiting_for_data(self, role: str) -> list[int]:
        """Those that sleep until something comes through a pipe; one of a queue has its lock in hand then."""
        return [pid for pid in self.pids(role) if _waits_for_data(pid)]

    def kill(self, role: str, signum: int = signal.SIGKILL) -> int:
        """Signal the first process of a role and return its number."""
        pid = self.pid(role)
        os.kill(pid, signum)
        return pid

    def kill_and_watch(self, victim: int) -> float:
        """SIGKILL, then wait for all processes and a heartbeat through the queue; returns the seconds it took."""
        killed_at = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        # The rounding of an age may make a beat from just before look later.
        self.wait_for(lambda: self.beat_through_queue_since(killed_at + 0.2), what="beating again")
        took_s = time.monotonic() - killed_at
        self.wait_for(self.is_whole, what=f"whole again: {self.census()}")
        assert victim not in [process.pid for process in self.processes()]
        return took_s

    def queue_lock_holder(self) -> int:
        """The idle worker that waits for the next task with the queue's lock in hand; waits for one."""
        found: list[int] = self.wait_for(
            lambda: self.waiting_for_data("q2_worker"), what="waiting with the lock in hand"
        )
        return found[0]

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

    # --- as new ---
    def execute(self, *statements: str) -> None:
        """Have its database carry these out, in one transaction."""
        with self._connected() as connection:
            for statement in statements:
                connection.execute(statement)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """A connection to its database, whichever it is; the block is a transaction."""
        if self.database_url:
            with psycopg.connect(self.database_url) as connection:
                yield connection
        else:
            with closing(sqlite3.connect(self.home / "db.sqlite3", timeout=20)) as connection, connection:
                add_functions(connection=cast("Any", SimpleNamespace(vendor="sqlite", connection=connection)))
                yield connection

    def rows(self, query: str) -> list[Any]:
        """What its database answers."""
        with self._connected() as connection:
            found: list[Any] = connection.execute(query).fetchall()
            return found

    def makes_nothing(self) -> bool:
        """Whether no thumbnail or rendition is being made, or waits for it; then there are no scratch files of them."""
        return self.rows(MEDIA_IN_WORK) == []

    def reset(self) -> None:
        """Make it as new while it runs: every process there and idle, no rows, no files, an empty world."""
        began_at = time.monotonic()
        self.wait_for(self.is_whole, what=f"whole: {self.census()}")
        self._empty()
        self.wait_for(self.makes_nothing, what="at rest")
        self.sandbox.reset()
        for path in (self.home / "media").glob("[!h]*/**/*"):  # in health/ are those of a probe
            if path.is_file():
                path.unlink(missing_ok=True)
        # A queue that a kill left dead is noticed after seconds: it is to be now.
        self.wait_for(lambda: self.beat_through_queue_since(began_at), what="beating")

    def _empty(self) -> None:
        """Remove all rows at once: foreign keys are checked at the end of the transaction only."""
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        if not self.database_url:
            names = (
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                f" AND name NOT LIKE '{KEPT_BY_TRIGGERS}%'"
            )
        for _ in range(10):
            try:
                with self._connected() as connection:
                    tables = {name for (name,) in connection.execute(names).fetchall()} - KEPT_TABLES
                    for table in sorted(tables):
                        connection.execute(f'DELETE FROM "{table}"')
                return
            except (psycopg.errors.DeadlockDetected, psycopg.errors.ForeignKeyViolation):  # somebody is still at work
                continue
        raise AssertionError("its tables could not be emptied")

    # --- people ---
    def client(self) -> Client:
        """A newly registered person."""
        return Client(self.url, sandbox_url=self.sandbox.url).register()


def production(url: str, **settings: str) -> Instance:
    """An instance with what production needs, and `settings`."""
    keys = {
        "JWT_SECRET_KEY": "of-this-test-" + "0123456789abcdef" * 4,
        "ENCRYPTION_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
    }
    return Instance(url, MASTABLASTA_MODE="production", **(keys | settings))


def _waits_for_data(pid: int) -> bool:
    try:
        return "pipe" in Path(f"/proc/{pid}/wchan").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has ended, and another one takes its place
        return False


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
        ("MastaBlasta worker", "worker"),
        ("MastaBlasta clock", "clock"),
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
