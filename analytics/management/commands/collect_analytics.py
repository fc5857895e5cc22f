"""manage.py collect_analytics"""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from analytics.collection import lanes, queue
from analytics.collection.collector import CollectReport, collect
from analytics.models import CollectionPlan
from mastablasta.core import jobs
from mastablasta.core.commands import Outcome, ProgressCommand

MOST_COUNTED = 100_000


class Command(ProgressCommand):
    help = (
        "Reads the figures that are due at the platforms, once, and stores them: for timers, where no worker runs. "
        "With --now those of every post that is still collected, due or not. Safe beside running workers and safe to "
        "run twice. Exit status 1 when something that is due could not be read, 2 when an argument is wrong. With "
        "--json: {posts: {outcome: count}, accounts, calls, lost, more_is_due}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", action="store_true", help="read all, whenever they are due")
        parser.add_argument("--at-most", type=float, default=50.0, metavar="SECONDS", help="take nothing new after it")
        parser.add_argument("--threads", type=int, default=None, help="how many accounts at once")

    def work(self, **options: Any) -> Outcome:
        stop = threading.Event()
        before = {signum: signal.signal(signum, lambda *_: stop.set()) for signum in (signal.SIGTERM, signal.SIGINT)}
        queue.plan_published(at=timezone.now())
        lanes.park_lanes(at=timezone.now())
        if options["now"]:
            queue.make_all_due(at=timezone.now())
        due = CollectionPlan.objects.filter(next_at__lte=timezone.now()).order_by()
        total = due[:MOST_COUNTED].count()
        try:
            with self.progress("collecting") as bar:
                report = collect(
                    worker=f"command@{jobs.process_name()}",
                    should_stop=stop.is_set,
                    at_most_s=options["at_most"],
                    threads=options["threads"],
                    watch=lambda report: bar.show(sum(report.posts.values()), total),
                )
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
        is_left = queue.something_is_due(timezone.now()) or "failed" in report.posts
        return Outcome({**asdict(report), "more_is_due": is_left}, [_sentence(report, is_left)], 1 if is_left else 0)


def _sentence(report: CollectReport, is_left: bool) -> str:
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(report.posts.items()))
    posts = f"{sum(report.posts.values())} posts of {report.accounts} accounts"
    return f"{posts}{f' ({outcomes})' if outcomes else ''}" + ("; more is due" if is_left else "")
