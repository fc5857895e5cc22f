"""manage.py up"""

from __future__ import annotations

import importlib
import importlib.util
import signal
import socket
import sys
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.urls import get_resolver

from mastablasta.checks import SETUP
from mastablasta.core.memory import settle_memory
from mastablasta.ops import periodic
from mastablasta.ops.instance_dir import CannotRun, InstanceDir
from mastablasta.ops.runner import Part, Runner, answers, inherited, python

MIGRATION_LOCK = 0x6D617374  # of PostgreSQL's advisory locks
NEEDED = ("gunicorn", "django_q", "structlog")
NEEDED_BY_SIMULATOR = ("sandbox", "starlette", "uvicorn", "uvloop", "httptools")


class Command(BaseCommand):
    help = (
        "Starts everything: web, workers, clock and, in development, the simulator. Migrates the database first, "
        "starts again what dies, and ends all of it on SIGTERM or Ctrl-C."
    )
    requires_system_checks = []  # asked below, for one line a fault

    def handle(self, **_: Any) -> None:
        for signum in (signal.SIGTERM, signal.SIGINT):  # until the runner knows better
            signal.signal(signum, lambda *_: sys.exit(0))
        try:
            self._run()
        except CannotRun as reason:
            self.stderr.write(str(reason), style_func=str)
            sys.exit(1)

    def _run(self) -> None:
        _check_setup()
        home = InstanceDir(settings.HOME)
        home.take()
        try:
            home.end_leftovers()
            _check_port("PORT", settings.PORT)
            if settings.IS_DEVELOPMENT:
                _check_port("SANDBOX_PORT", settings.SANDBOX_PORT)
            _migrate()
            if settings.IS_DEVELOPMENT:  # nobody else beats here
                periodic.forget_last_run()
                connections.close_all()
            _load()
            Runner(
                home,
                _parts(),
                folder=settings.BASE_DIR,
                environment=inherited(
                    MASTABLASTA_HOME=str(settings.HOME),
                    PORT=str(settings.PORT),
                    SANDBOX_PORT=str(settings.SANDBOX_PORT),
                    PYTHONUNBUFFERED="1",
                ),
                is_ready=_is_ready,
                announce=self._announce,
            ).run()
        finally:
            home.give()

    def _announce(self) -> None:
        simulator = f"; simulator: http://127.0.0.1:{settings.SANDBOX_PORT}" if settings.IS_DEVELOPMENT else ""
        self.stdout.write(f"MastaBlasta is ready: http://127.0.0.1:{settings.PORT}{simulator}")
        if settings.IS_DEVELOPMENT and settings.LOG_FILE:
            what = "Warnings, errors and refused requests are shown here"
            self.stdout.write(f"{what}; everything is in {settings.LOG_FILE}. Ctrl-C stops it.")
        self.stdout.flush()


def _load() -> None:
    """Import here, once, what the parts would import each for itself."""
    _ = get_resolver().url_patterns
    periodic.import_tasks()
    for name in ("mastablasta.core.jobs.cluster", "mastablasta.ops.clock"):  # not gunicorn: it changes our title
        importlib.import_module(name)
    settle_memory()


def _parts() -> list[Part]:
    parts = [
        Part("web", run=_serve),
        Part("worker", run=lambda: call_command("run_worker"), leaves_s=3.0),
        Part("clock", run=lambda: call_command("run_clock")),
    ]
    if settings.IS_DEVELOPMENT:
        parts.insert(0, Part("simulator", command=python("-m", "sandbox", "--port", str(settings.SANDBOX_PORT))))
    return parts


def _serve() -> None:
    from gunicorn.app.wsgiapp import WSGIApplication

    sys.argv = ["gunicorn", "-c", "python:mastablasta.gunicorn"]
    WSGIApplication(prog="gunicorn").run()


def _is_ready() -> bool:
    return answers(settings.PORT, "/readyz") and (not settings.IS_DEVELOPMENT or answers(settings.SANDBOX_PORT, "/"))


def _check_setup() -> None:
    faults = [fault for fault in checks.run_checks(tags=[SETUP]) if fault.is_serious()]
    if faults:
        raise CannotRun("\n".join(f"{fault.id} {fault.msg}" for fault in faults))
    needed = NEEDED + (NEEDED_BY_SIMULATOR if settings.IS_DEVELOPMENT else ())
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise CannotRun(f"{', '.join(missing)}: not installed; run `make run`, which installs what is missing")


def _check_port(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "no such port"
            raise CannotRun(f"{name}: port {port} cannot be used ({reason}); set {name} to a free one") from None


def _migrate() -> None:
    """Bring the database up to date; of several that start at once on one database, one does it."""
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        raise CannotRun(f"DATABASE_URL: the database cannot be used ({reason}); start it, or correct it") from None
    finally:
        connections.close_all()  # and with it the lock
