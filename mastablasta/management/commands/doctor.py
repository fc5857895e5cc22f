"""manage.py doctor"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DatabaseError
from django.db import connection

from mastablasta.checks import SETUP
from mastablasta.core import mail
from mastablasta.ops import health

REMEDIES = {
    "database": "start the database, or correct DATABASE_URL",
    "migrations": "run `manage.py migrate`",
    "storage": "make MEDIA_ROOT writable",
    "worker": "start `manage.py run_worker`, or `manage.py up`",
    "clock": "start `manage.py run_clock`, or `manage.py up`",
    "due_work": "look at the log of the workers; meanwhile `manage.py publish_due` publishes by hand",
    "webhooks": "start `manage.py run_worker`, or `manage.py up`; meanwhile `manage.py deliver_webhooks` sends by hand",
    "analytics": "start `manage.py run_worker`, or `manage.py up`; meanwhile use `manage.py collect_analytics`",
    "oauth": "ENCRYPTION_KEY must still hold the key that the stored tokens were encrypted with",
    "e-mail": "correct EMAIL_URL, or start its server; Django admin lists the mail that waits",
    "connections": "lower DB_POOL_MAX, or raise max_connections of the database",
}
PERSISTENT = 4  # connections of a worker or clock process group


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at. `level`: ok, doubt or fault."""

    level: str
    subject: str
    sentence: str
    remedy: str = ""


class Command(BaseCommand):
    help = "Checks the set-up and what runs, and says how to mend it. Ends with status 1 when there is a fault."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, for programs")

    def handle(self, *, json: bool, **_: Any) -> None:
        found = [*_setup(), *_probes(), *_connections(), _mail()]
        (self._print_json if json else self._print)(found)
        if any(each.level == "fault" for each in found):
            sys.exit(1)

    def _print(self, found: list[Diagnosis]) -> None:
        styles = {"ok": self.style.SUCCESS, "doubt": self.style.WARNING, "fault": self.style.ERROR}
        for each in found:
            remedy = f" To mend it: {each.remedy}." if each.remedy else ""
            self.stdout.write(f"{styles[each.level](f'{each.level:6}')} {each.subject}: {each.sentence}{remedy}")

    def _print_json(self, found: list[Diagnosis]) -> None:
        rows = [
            {"level": each.level, "subject": each.subject, "sentence": each.sentence, "remedy": each.remedy}
            for each in found
        ]
        self.stdout.write(json.dumps({"ok": all(row["level"] != "fault" for row in rows), "findings": rows}))


def _setup() -> list[Diagnosis]:
    messages = checks.run_checks(tags=[SETUP], include_deployment_checks=True)
    return [
        Diagnosis("fault" if message.is_serious() else "doubt", message.id or "check", message.msg)
        for message in messages
    ] or [Diagnosis("ok", "settings", f"Complete, for {settings.MODE}.")]


def _probes() -> list[Diagnosis]:
    probes = {**health.READY, **{name: health.STATUS[name] for name in ("oauth", "webhooks", "analytics")}}
    found = []
    for name, finding in health.findings(probes).items():
        remedy = "" if finding.ok or finding is health.NOT_ASKED else REMEDIES[name]
        found.append(Diagnosis("ok" if finding.ok else "fault", name, finding.detail, remedy))
    return found


def _connections() -> list[Diagnosis]:
    """What all processes of one host may open, against what the server allows."""
    if connection.vendor != "postgresql":
        return []
    needed = settings.DB_POOL_MAX + 2 * PERSISTENT + settings.Q_CLUSTER["workers"]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW max_connections")
            allowed = int(cursor.fetchone()[0])
    except DatabaseError:
        return []
    sentence = f"This host may open {needed} of the {allowed} that the database allows."
    is_enough = needed <= 0.9 * allowed
    return [
        Diagnosis("ok" if is_enough else "doubt", "connections", sentence, "" if is_enough else REMEDIES["connections"])
    ]


def _mail() -> Diagnosis:
    if not mail.is_on():
        sentence = "EMAIL_URL is not set: invitations are links to hand over, passwords are set by changepassword."
        return Diagnosis("ok", "e-mail", sentence)
    try:
        trouble = mail.trouble()
    except DatabaseError:
        trouble = ""  # the probes say so
    return (
        Diagnosis("doubt", "e-mail", trouble, REMEDIES["e-mail"])
        if trouble
        else Diagnosis("ok", "e-mail", "It goes out.")
    )
