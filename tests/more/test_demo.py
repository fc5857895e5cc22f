"""The demo API as a web server has it: several processes, one memory, no database."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil

from tests.instance import PATIENCE_S, ROOT, Instance


def ask(instance: Instance, path: str, body: Any = None) -> Any:
    """Waits while nobody accepts, as at the start."""
    data = None if body is None else orjson.dumps(body)
    request = urllib.request.Request(f"{instance.url}/api/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return orjson.loads(answer.read())


def until(condition: Any) -> Any:
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@contextmanager
def web(instance: Instance) -> Iterator[psutil.Process]:
    """The web server alone; what is left of it is ended."""
    command = [sys.executable, "-m", "gunicorn", "-c", "python:mastablasta.gunicorn"]
    with subprocess.Popen(command, cwd=ROOT, env=instance.environment()) as master:
        process = psutil.Process(master.pid)
        try:
            until(lambda: any(line.laddr.port == instance.port for line in process.net_connections()))
            yield process
        finally:
            for child in process.children():
                child.resume()
            master.terminate()


def two_workers(master: psutil.Process) -> list[psutil.Process]:
    return until(lambda: len(found := master.children()) == 2 and found)


def posts(instance: Instance) -> list[str]:
    return [post["content"] for post in ask(instance, "posts")["posts"]]


def test_web_processes_share_one_memory_that_ends_with_the_last(tmp_path: Path) -> None:
    instance = Instance(folder=tmp_path, WEB_WORKERS="2")
    with web(instance) as master:
        first, second = two_workers(master)
        first.suspend()
        ask(instance, "post", {"content": "By the second", "platforms": ["twitter"]})
        first.resume()
        second.suspend()
        ask(instance, "post", {"content": "By the first", "platforms": ["twitter"]})
        assert posts(instance) == ["By the first", "By the second"]
        second.resume()
        for worker in (first, second):
            worker.kill()
        until(lambda: not {first, second} & set(master.children()))
        two_workers(master)
        assert posts(instance) == ["By the first", "By the second"]

    with web(instance):
        assert posts(instance) == []
    assert (tmp_path / "db.sqlite3").stat().st_size == 0  # nobody has even opened it
