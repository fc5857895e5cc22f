"""The simulator as a process of its own, and what a test asks of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
Rows = list[dict[str, Any]]
T = TypeVar("T")


class Sandbox:
    """A client of the simulator's `/_control`. Every call raises urllib's HTTPError when it is refused."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._people: dict[tuple[str, str], dict[str, Any]] = {}
        self._is_new = False  # nothing was changed since it was reset
        self._begun: dict[str, tuple[Any, dict[tuple[str, str], dict[str, Any]]]] = {}

    def posts(self, platform: str = "", account: str = "") -> Rows:
        """What the world can see, oldest first."""
        return cast("Rows", self._call("GET", "posts", platform=platform, account=account))

    def requests(self, platform: str = "") -> Rows:
        """The calls that the platforms received, oldest first."""
        return cast("Rows", self._call("GET", "requests", platform=platform))

    def fault(self, platform: str, operation: str, effect: str, **more: Any) -> Any:
        """Let the next calls go wrong: `fault("mastodon", "publish", "status_503", times=2)`."""
        return self._call("POST", "faults", {"platform": platform, "operation": operation, "effect": effect, **more})

    def clear_faults(self) -> Any:
        return self._call("DELETE", "faults")

    def limits(self, **limits: Any) -> Any:
        """`quotas`, `duplicates`, `idempotency` (booleans), `lookup_lag_ms`."""
        return self._call("PUT", "limits", limits)

    def latency(self, ms: int) -> Any:
        return self._call("PUT", "latency", {"ms": ms})

    def metrics(self, platform: str, id: str, **counters: int) -> Any:
        return self._call("PUT", "metrics", {"platform": platform, "id": id, **counters})

    def account_metrics(self, platform: str, account: str, **counters: int) -> Any:
        """`account_metrics("mastodon", "anna", followers=7, following=2)`."""
        return self._call("PUT", "metrics", {"platform": platform, "account": account, **counters})

    def accounts(self, platform: str, handle: str, **more: Any) -> Any:
        """A new person on that platform."""
        return self._call("POST", "accounts", {"platform": platform, "handle": handle, **more})

    def person(self, platform: str, handle: str) -> dict[str, Any]:
        """Somebody on that platform, with what they sign in with; made at the first call of this object for them."""
        if (platform, handle) not in self._people:
            self._people[platform, handle] = self.accounts(platform, handle)
        return self._people[platform, handle]

    def instance(self, platform: str, **settings: Any) -> Any:
        """Change a server: `instance("mastodon", rotating_tokens=True)`; `instance="name"` means another server."""
        return self._call("PUT", "instance", {"platform": platform, **settings})

    def answers(self) -> bool:
        """Whether it takes calls."""
        try:
            self._call("GET", "state")
        except OSError:
            return False
        return True

    def reset(self) -> Any:
        self._people.clear()
        answer = self._call("POST", "reset")
        self._is_new = True
        return answer

    def begin(self, name: str, make: Callable[[], T]) -> T:
        """Call `make`, which changes the world, and return what it returns; from the second time on take over the world
        that it left and return that again, provided that nothing else has happened since the world was reset.

        Its calls are in the journal neither time.
        """
        if not self._is_new:
            return make()
        found = self._call("POST", "restore", {"name": name})
        if found["restored"]:
            begun, people = self._begun[name]
            self._people |= people
            return cast("T", begun)
        made = make()
        if found["untouched"]:
            self._call("POST", "keep", {"name": name})
            self._begun[name] = made, dict(self._people)
            self._call("POST", "reset")
            self._call("POST", "restore", {"name": name})
        return made

    def _call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        self._is_new = self._is_new and method == "GET"
        question = urlencode({name: value for name, value in query.items() if value})
        request = urllib.request.Request(
            f"{self.url}/_control/{path}" + (f"?{question}" if question else ""),
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@contextmanager
def running_sandbox(port: int) -> Iterator[Sandbox]:
    """Start a simulator on `port`; it ends with the block."""
    forgetful = {name: value for name, value in os.environ.items() if name != "MASTABLASTA_HOME"}
    process = subprocess.Popen([sys.executable, "-m", "sandbox", "--port", str(port)], cwd=ROOT, env=forgetful)
    try:
        world = Sandbox(f"http://127.0.0.1:{port}")
        until = time.monotonic() + 60  # a busy machine
        while True:
            try:
                world.posts()
                break
            except (urllib.error.URLError, ConnectionError):
                if process.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.05)
        yield world
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
