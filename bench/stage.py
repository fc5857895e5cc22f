"""A whole instance on a PostgreSQL of its own, and Django set up in this process over the same database."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from datetime import datetime
from types import TracebackType
from typing import Self

import psutil

from tests.instance import Instance
from tests.pg import database, postgresql
from tests.world import Sandbox

OURS = ("worker", "sentinel", "q2_worker", "pusher", "monitor", "clock")


class Stage:
    """`with Stage() as stage:` one at a time in a process, since Django is set up once. `settings`: further ones."""

    def __init__(self, **settings: str) -> None:
        self.settings = settings

    def __enter__(self) -> Self:
        self.stack = ExitStack()
        try:
            url = self.stack.enter_context(database(self.stack.enter_context(postgresql(durable=True))))
            self.instance = self.stack.enter_context(Instance(url, None, **self.settings))
        except BaseException:
            self.stack.close()
            raise
        os.environ.update(self.instance.environment())
        import django

        django.setup()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from django.db import connections

        connections.close_all()
        self.stack.__exit__(kind, error, trace)

    @property
    def world(self) -> Sandbox:
        return self.instance.sandbox

    @property
    def mastodon(self) -> str:
        """The base URL of the simulator's Mastodon."""
        return f"{self.world.url}/mastodon"

    def analyze(self) -> None:
        """Let PostgreSQL know the tables that were just filled, as autovacuum does within a minute."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")

    def cpu_s(self) -> float:
        """CPU seconds of the worker's and the clock's processes so far."""
        total = 0.0
        for role in OURS:
            for pid in self.instance.pids(role):
                with suppress(psutil.Error):
                    times = psutil.Process(pid).cpu_times()
                    total += times.user + times.system
        return total

    def database_cpu_s(self) -> float:
        """CPU seconds of PostgreSQL's processes so far, those that have ended too."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            server = psutil.Process(cursor.fetchone()[0]).parent()
        assert server is not None
        times = [server.cpu_times()]
        total = times[0].children_user + times[0].children_system
        for process in server.children():
            with suppress(psutil.Error):
                times.append(process.cpu_times())
        return total + sum(one.user + one.system for one in times)

    def arrivals(self, since: datetime) -> list[datetime]:
        """When the world received each create from `since` on, in order."""
        calls = [
            datetime.fromisoformat(r["at"]) for r in self.world.requests("mastodon") if r["operation"] == "publish"
        ]
        return sorted(at for at in calls if at >= since)
