"""What benches share that ask the code in their own process, over a PostgreSQL of its own and with no instance."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any
from wsgiref.util import setup_testing_defaults

from tests.pg import database, postgresql


def on_postgresql(measure: Callable[[], None]) -> None:
    """Run `measure` with Django set up over a durable PostgreSQL of its own, with its tables; nothing is logged."""
    logging.disable(logging.WARNING)
    with (
        postgresql(durable=True) as server,
        database(server) as url,
        tempfile.TemporaryDirectory(prefix="mb-bench-") as home,
    ):
        set_up(url, home)
        try:
            measure()
        finally:
            tear_down()


def set_up(url: str, home: str) -> None:
    """Django over this database, with its tables; set up once in a process, pointed elsewhere after that."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    os.environ |= {"DATABASE_URL": url, "MASTABLASTA_MODE": "development", "MASTABLASTA_HOME": home}
    if not settings.configured:
        os.environ["DJANGO_SETTINGS_MODULE"] = "mastablasta.settings"
    django.setup()
    address = url.partition("?")[0]
    is_file = address.startswith("sqlite:")
    connection.settings_dict["NAME"] = address.removeprefix("sqlite:///") if is_file else address.rpartition("/")[2]
    call_command("migrate", verbosity=0)


def tear_down() -> None:
    from django.db import connections

    connections.close_all()


def client_of_owner(workspace: Any) -> Any:
    """An API client that is signed in as the workspace's only member."""
    from accounts.tests.factories import signed_in

    client = signed_in(workspace.members.get())
    client.defaults["HTTP_HOST"] = "127.0.0.1"
    return client


def getter_of_owner(workspace: Any) -> Callable[[str], None]:
    """What gets a path as the workspace's only member, from the application that the web server calls.

    Without Django's test client, which takes half a millisecond of its own for each request: signals, the answer's
    templates, its path resolved once more. Raises RuntimeError for what is not 200.
    """
    from django.db import connections

    connections.close_all()  # what is open is in no pool, as the web process's are
    from mastablasta.wsgi import application

    proof = client_of_owner(workspace)._credentials["HTTP_AUTHORIZATION"]

    def get(path: str) -> None:
        statuses: list[str] = []
        environ = {"HTTP_HOST": "127.0.0.1", "HTTP_AUTHORIZATION": proof, "REMOTE_ADDR": "127.0.0.1"}
        environ["PATH_INFO"], _, environ["QUERY_STRING"] = path.partition("?")
        setup_testing_defaults(environ)

        def start(status: str, *_: Any) -> Any:
            statuses.append(status)

        answer = application(environ, start)
        b"".join(answer)
        answer.close()
        if statuses != ["200 OK"]:
            raise RuntimeError(f"{path} answered {statuses}")

    return get


def median_ms(work: Callable[[], object], *, rounds: int) -> float:
    """Milliseconds that it takes, the median of some."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)
