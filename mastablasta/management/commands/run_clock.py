"""manage.py run_clock"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand

from mastablasta.checks import SETUP
from mastablasta.core.memory import settle_memory
from mastablasta.ops.clock import Clock


class Command(BaseCommand):
    help = (
        "Rings the workers when something is due, and publishes by itself when none answers. "
        "Any number may run; one rings at a time. Ends on SIGTERM or SIGINT."
    )

    requires_system_checks = [SETUP]

    def handle(self, **_: Any) -> None:
        settle_memory()
        stop = threading.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: stop.set())
        Clock(stop.is_set).run()
        sys.stderr.flush()
        os._exit(0)  # calls that a drain of ours still waits for are not waited for; their leases end
