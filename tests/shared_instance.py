"""One instance for all tests of a pytest process, made as new between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from tests.instance import Instance
from tests.scale import SCALE


class SharedInstance:
    """Starts the instance at first use. What a test leaves broken is its own fault, and nobody else's: it is replaced.

    A test may stop the instance; it is started again for the next.
    """

    def __init__(self, database: Callable[[], AbstractContextManager[str]]) -> None:
        """`database` makes one and gives its URL ("" is SQLite)."""
        self.database = database
        self.stack = ExitStack()
        self.instance: Instance | None = None

    @contextmanager
    def lent(self, *command: str) -> Iterator[Instance]:
        """The instance, running and as new. In the end it must come to rest with every process there.

        `command`: it was started by this one.
        """
        instance = self._running(command)
        yield instance
        try:
            if instance.is_running():
                instance.reset()
        except BaseException:
            self._give_up()
            raise

    def stop(self) -> None:
        """Stop it, and prove that nothing is left."""
        try:
            if self.instance is not None and self.instance.is_running():
                self.instance.stop()
        finally:
            self._give_up()

    def _running(self, command: tuple[str, ...]) -> Instance:
        if self.instance is None:
            self.instance = Instance(
                self.stack.enter_context(self.database()), PUBLISH_THREADS="8", TIME_SCALE=str(SCALE)
            )
            self.stack.callback(self.instance.end)
        instance = self.instance
        try:
            if instance.is_running() and command not in ((), instance.command):
                instance.stop()
            if not instance.is_running():
                instance.start(*command)
                instance.reset()
        except BaseException:
            self._give_up()
            raise
        return instance

    def _give_up(self) -> None:
        self.instance = None
        self.stack.close()
