"""One memory for all web processes of an instance: in Redis where there is one, else a file under MASTABLASTA_HOME."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar, cast

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from mastablasta.v1_demo.state import State

PATIENCE_S = 2.0  # for a lock; a change takes milliseconds
LOOK_S = 0.005
KEY = "mastablasta:v1_demo"
KEPT_S = 24 * 3600  # in Redis after the last change: nobody there knows when an instance starts
T = TypeVar("T")
log = structlog.get_logger(__name__)


class Busy(Exception):
    """The memory cannot be read or changed just now; nothing was changed."""


class Memory(Protocol):
    """What the demo remembers, whichever process asks."""

    def begin(self) -> None:
        """Forget what an earlier run has left; called once, where web processes come from, before there is any."""

    def read(self) -> State:
        """What is known now, which nobody may change. Raises Busy."""

    def change(self, action: Callable[[State], T]) -> T:
        """Let `action` change the State, one caller at a time, and keep what it makes of it unless it raises.

        It may be called again where somebody else was quicker, so it changes nothing else. Raises Busy.
        """


@cache
def memory_of_instance() -> Memory:
    """The one of this process, and of those that it forks."""
    return RedisMemory(settings.REDIS_URL) if settings.REDIS_URL else FileMemory(settings.HOME / "run" / "v1")


class FileMemory:
    """A file that is replaced as a whole by whoever has the lock; readers need none.

    Whoever uses it holds a shared lock on `in_use` for life. Whoever finds nobody there begins with an empty memory, so
    that it ends with the instance, however that ends. Web processes inherit that lock from the one that starts them,
    and one that is replaced takes nothing along.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "memory.json"
        self._entering, self._reading, self._changing = threading.Lock(), threading.Lock(), threading.Lock()
        self._in_use: IO[bytes] | None = None
        self._seen: IO[bytes] | None = None  # open, so that no other file gets its number
        self._known = State()

    def begin(self) -> None:
        with suppress(Busy), _usable():  # it is in the log, and the first request tries again
            self._enter()

    def read(self) -> State:
        with _usable(), self._reading:
            self._enter()
            try:
                if self._seen is None or not os.path.samestat(os.fstat(self._seen.fileno()), self.path.stat()):
                    self._look_again()
            except FileNotFoundError:
                return State()
            return self._known

    def change(self, action: Callable[[State], T]) -> T:
        with _usable(), self._locked():
            state = self._load()
            result = action(state)
            draft = self.path.with_suffix(".new")
            with open(draft, "wb", opener=_private) as file:
                file.write(state.to_json())
            draft.replace(self.path)
            return result

    def _enter(self) -> None:
        with self._entering:
            if self._in_use is not None:
                return
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            in_use = open(self.folder / "in_use", "ab", opener=_private)  # noqa: SIM115  open for life
            if _try_lock(in_use):
                self.path.unlink(missing_ok=True)
            fcntl.flock(in_use, fcntl.LOCK_SH)
            self._in_use = in_use

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The lock of all threads, then that of all processes."""
        self._enter()
        until = time.monotonic() + PATIENCE_S
        if not self._changing.acquire(timeout=PATIENCE_S):
            raise Busy("another thread holds the lock")
        try:
            with open(self.folder / "lock", "ab", opener=_private) as lock:
                while not _try_lock(lock):
                    if time.monotonic() > until:
                        raise Busy("another process holds the lock")
                    time.sleep(LOOK_S)
                yield
        finally:
            self._changing.release()

    def _look_again(self) -> None:
        seen = open(self.path, "rb")  # noqa: SIM115  open until there is a newer one
        if self._seen is not None:
            self._seen.close()
        self._seen, self._known = seen, _understood(seen.read())

    def _load(self) -> State:
        """A State of the caller's own."""
        try:
            return _understood(self.path.read_bytes())
        except FileNotFoundError:
            return State()


class RedisMemory:
    """One value, written only where nobody else has changed it meanwhile; other hosts of the instance see it too."""

    def __init__(self, url: str) -> None:
        patience_s = PATIENCE_S / 4
        self._redis = redis.Redis.from_url(
            url, socket_connect_timeout=patience_s, socket_timeout=patience_s, retry=Retry(NoBackoff(), 0)
        )

    def begin(self) -> None:
        """Other hosts may be using it: it goes by itself, KEPT_S after the last change."""

    def read(self) -> State:
        with _usable():
            return _understood(cast("bytes | None", self._redis.get(KEY)))

    def change(self, action: Callable[[State], T]) -> T:
        with _usable(), self._redis.pipeline() as turn:
            until = time.monotonic() + PATIENCE_S
            while time.monotonic() < until:
                with suppress(redis.WatchError):  # somebody else was quicker, or the connection is lost
                    return self._change_once(turn, action)
        raise Busy("others are always quicker")

    def _change_once(self, turn: Any, action: Callable[[State], T]) -> T:
        turn.watch(KEY)
        state = _understood(turn.get(KEY))
        result = action(state)
        turn.multi()
        turn.set(KEY, state.to_json(), ex=KEPT_S)
        turn.execute()
        return result


@contextmanager
def _usable() -> Iterator[None]:
    """Busy for what the disk or Redis refuses, with a line in the log."""
    try:
        yield
    except (OSError, redis.RedisError) as error:
        log.warning("v1_memory_not_usable", error=str(error))
        raise Busy(str(error)) from error


def _understood(data: bytes | None) -> State:
    """An empty State for what a crash of the machine has torn."""
    if not data:
        return State()
    try:
        return State.from_json(data)
    except ValueError as error:
        log.warning("v1_memory_torn", error=str(error))
        return State()


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
