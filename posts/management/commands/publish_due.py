"""manage.py publish_due"""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from mastablasta.core import jobs
from mastablasta.core.commands import Outcome, ProgressCommand
from posts.engine.publisher import DrainReport, drain
from posts.models import Delivery
from posts.queue import claims

MOST_COUNTED = 100_000


class Command(ProgressCommand):
    help = (
        "Publishes everything that is due, here and now, and ends when nothing is due within a second. Safe beside "
        "running workers and safe to run twice. Exit status 1 when something that is due could not be begun, 2 when "
        "an argument is wrong. With --json: {claimed, settled, handed_back, left, states: {state: deliveries}, "
        "more_is_due}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at-most", type=float, default=50.0, metavar="SECONDS", help="take nothing new after it")
        parser.add_argument("--threads", type=int, default=None, help="how many calls at once")

    def work(self, **options: Any) -> Outcome:
        stop = threading.Event()
        before = {signum: signal.signal(signum, lambda *_: stop.set()) for signum in (signal.SIGTERM, signal.SIGINT)}
        total = Delivery.objects.due(timezone.now()).order_by()[:MOST_COUNTED].count()
        try:
            with self.progress("publishing") as bar:
                report = drain(
                    worker=f"command@{jobs.process_name()}",
                    should_stop=stop.is_set,
                    at_most_s=options["at_most"],
                    threads=options["threads"],
                    watch=lambda report: bar.show(report.settled, max(total, report.claimed)),
                )
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
        ready_at = claims.next_ready_at()
        is_left = bool(report.left) or (ready_at is not None and ready_at <= timezone.now())
        return Outcome({**asdict(report), "more_is_due": is_left}, [_sentence(report, is_left)], 1 if is_left else 0)


def _sentence(report: DrainReport, is_left: bool) -> str:
    states = ", ".join(f"{count} {state}" for state, count in sorted(report.states.items()))
    return (
        f"{report.settled} settled{f' ({states})' if states else ''}, {report.handed_back} handed back, "
        f"{report.left} still under way" + ("; more is due" if is_left else "")
    )
