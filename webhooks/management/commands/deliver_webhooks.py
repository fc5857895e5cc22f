"""manage.py deliver_webhooks"""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from mastablasta.core import jobs
from mastablasta.core.commands import Outcome, ProgressCommand
from webhooks import queue
from webhooks.models import EndpointDelivery
from webhooks.sender import DrainReport, drain
from webhooks.states import EndpointDeliveryState

MOST_COUNTED = 100_000


class Command(ProgressCommand):
    help = (
        "Sends every webhook that is due, now, and ends when nothing is due within a second: for timers, where "
        "no worker runs. Safe beside running workers and safe to run twice. What failed is tried again at its time. "
        "Exit status 1 when something that is due could not be begun, 2 when an argument is wrong. With --json: {sent, "
        "states: {state: tries}, left, more_is_due}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at-most", type=float, default=50.0, metavar="SECONDS", help="take nothing new after it")
        parser.add_argument("--threads", type=int, default=None, help="how many calls at once")

    def work(self, **options: Any) -> Outcome:
        stop = threading.Event()
        before = {signum: signal.signal(signum, lambda *_: stop.set()) for signum in (signal.SIGTERM, signal.SIGINT)}
        pending = EndpointDelivery.objects.filter(state=EndpointDeliveryState.PENDING).order_by()
        total = pending.filter(next_attempt_at__lte=timezone.now())[:MOST_COUNTED].count()
        try:
            with self.progress("sending") as bar:
                report = drain(
                    worker=f"command@{jobs.process_name()}",
                    should_stop=stop.is_set,
                    at_most_s=options["at_most"],
                    threads=options["threads"],
                    watch=lambda report: bar.show(report.sent, max(total, report.sent)),
                )
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
        due_at = queue.next_due_at()
        is_left = bool(report.left) or (due_at is not None and due_at <= timezone.now())
        return Outcome({**asdict(report), "more_is_due": is_left}, [_sentence(report, is_left)], 1 if is_left else 0)


def _sentence(report: DrainReport, is_left: bool) -> str:
    states = ", ".join(f"{count} {state}" for state, count in sorted(report.states.items()))
    return f"{report.sent} sent{f' ({states})' if states else ''}" + ("; more is due" if is_left else "")
