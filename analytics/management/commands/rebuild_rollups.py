"""manage.py rebuild_rollups"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils import timezone

from analytics.recording import quarter_of
from analytics.services.rollups import rebuild_rollups
from mastablasta.core.commands import Outcome, ProgressCommand, duration

STEP = timedelta(days=1)


class Command(ProgressCommand):
    help = (
        "Adds up again, from the samples, what accounts gained by quarter of an hour. The program keeps these sums "
        "right by itself; this is for after somebody changed samples by hand. What is older than ANALYTICS_KEEP_DAYS "
        "stays, since its samples are gone. Safe beside a running program and to run twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--within", type=duration, default=timedelta(days=90), metavar="90d", help="go this far back: 24h, 90d"
        )

    def work(self, **options: Any) -> Outcome:
        end = quarter_of(timezone.now()) + timedelta(minutes=15)
        within: timedelta = options["within"]
        if settings.ANALYTICS_KEEP_DAYS:
            within = min(within, timedelta(days=settings.ANALYTICS_KEEP_DAYS - 1))
        begin, written = quarter_of(end - within), 0
        with self.progress("adding up") as bar:
            while begin < end:
                until = min(begin + STEP, end)
                written += rebuild_rollups(begin, until)
                begin = until
                bar.show(int((within - (end - begin)) / STEP), max(1, int(within / STEP)))
        return Outcome({"rollups": written}, [f"{written} sums are written"])
