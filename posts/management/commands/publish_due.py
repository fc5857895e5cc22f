"""manage.py publish_due"""

from __future__ import annotations

import json
import signal
import sys
import threading
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from posts.services import claims
from posts.services.publishing import drain
from posts.tasks import worker_name


class Command(BaseCommand):
    help = (
        "Publishes everything that is due, here and now, and ends when nothing is due within a second. Safe beside "
        "running workers and safe to run twice. Exit status 1 when something that is due could not be begun."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at-most", type=float, default=50.0, metavar="SECONDS", help="take nothing new after it")
        parser.add_argument("--threads", type=int, default=None, help="how many calls at once")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, **options: Any) -> None:
        stop = threading.Event()
        before = {signum: signal.signal(signum, lambda *_: stop.set()) for signum in (signal.SIGTERM, signal.SIGINT)}
        try:
            report = drain(
                worker=f"command@{worker_name()}",
                should_stop=stop.is_set,
                at_most_s=options["at_most"],
                threads=options["threads"],
            )
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
        ready_at = claims.next_ready_at()
        is_left = bool(report.left) or (ready_at is not None and ready_at <= timezone.now())
        shown = {**asdict(report), "more_is_due": is_left}
        if options["json"]:
            self.stdout.write(json.dumps(shown))
        else:
            self.stdout.write(
                f"{report.settled} settled, {report.handed_back} handed back, {report.left} still under way"
                + ("; more is due" if is_left else "")
            )
        sys.exit(1 if is_left else 0)
