"""manage.py release"""

from __future__ import annotations

from typing import Any

import structlog
from django.core.management.base import CommandParser
from django.db import transaction
from django.utils import timezone

from mastablasta.core import holds
from mastablasta.core.audit.recording import Subject, record
from mastablasta.core.commands import Outcome, ProgressCommand
from posts.services.restored import Withheld, withhold

log = structlog.get_logger(__name__)


class Command(ProgressCommand):
    help = (
        "Lets an instance send that is held because its database was restored, copied or moved. From then on it is "
        "the only one that may. What was due until the restore (without one: until now), or had begun, may have gone "
        "out at the other instance: it waits for a person. What is due later goes out at its time. With "
        "--further-host this host works beside those that do already, and nothing waits. Safe to run twice. Exit "
        "status 0. With --json: {was_held, held, unconfirmed}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--further-host",
            action="store_true",
            help="this is one more host of the instance that works here already",
        )
        what.add_argument(
            "--hold-scheduled", action="store_true", help="let what is due later wait for a person as well"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")

    def work(self, **options: Any) -> Outcome:
        with transaction.atomic():
            hold, withheld = holds.current_hold(), Withheld(0, 0)
            if hold is not None:
                if not options["further_host"]:
                    at = timezone.now()
                    due_until = None if options["hold_scheduled"] else hold.restored_at or at
                    withheld = withhold(due_until=due_until, at=at)
                holds.admit(is_further=options["further_host"])
                told = {"held": (None, withheld.held), "unconfirmed": (None, withheld.unconfirmed)}
                record("released", [Subject("core.instancerecord", 1, "this instance", None, told)], at=timezone.now())
            transaction.set_rollback(options["dry_run"])
        holds.forget()
        if hold is not None and not options["dry_run"]:
            log.warning("instance_is_released", reason=hold.reason, **withheld._asdict())
        shown = {"was_held": hold is not None, **withheld._asdict()}
        return Outcome(shown, [_sentence(hold, withheld, is_rehearsal=options["dry_run"])])


def _sentence(hold: holds.Hold | None, withheld: Withheld, *, is_rehearsal: bool) -> str:
    if hold is None:
        return "This instance is not held"
    is_now, wait = ("would be", "would wait") if is_rehearsal else ("is", "wait")
    return (
        f"{hold.reason} It {is_now} released; {withheld.held} deliveries that were due {wait} for a person, and so do "
        f"{withheld.unconfirmed} that had begun (unconfirmed)"
    )
