"""manage.py run_worker"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from mastablasta.checks import SETUP
from mastablasta.core import jobs
from mastablasta.core.memory import settle_memory
from mastablasta.ops import periodic


class Command(BaseCommand):
    help = (
        "Runs django-q2's workers, with a stand-by clock, and replaces them when they hang. "
        "Ends with its whole process tree within 20 s of SIGTERM or SIGINT."
    )

    requires_system_checks = [SETUP]
    _called_from_command_line: bool  # BaseCommand's own: not where `up` calls this in a fork

    def handle(self, **_: Any) -> None:
        periodic.import_tasks()
        settle_memory()
        jobs.run_cluster(beside=_stand_by, has_own_command=self._called_from_command_line)


def _stand_by(should_stop: Callable[[], bool]) -> None:
    from mastablasta.ops.clock import Clock  # only in this process: its workers do without

    Clock(should_stop, stand_by=True).run()
