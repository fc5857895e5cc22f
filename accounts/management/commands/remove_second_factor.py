"""manage.py remove_second_factor"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from accounts.command_arguments import named_person
from accounts.services.second_factor import remove
from mastablasta.core.commands import Outcome, ProgressCommand


class Command(ProgressCommand):
    help = (
        "Removes the second factor of a person who has lost the app and the recovery codes: Django admin lets them in "
        "by the password alone, or has them set another one up where SECOND_FACTOR_REQUIRED says so. Be sure first who "
        "asks you for it. Safe to run twice. Exit status 2 when nobody has the e-mail. With --json: {email, removed}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def work(self, **options: Any) -> Outcome:
        user = named_person(options["email"])
        is_removed = remove(user, at=timezone.now())
        what = "The second factor is removed" if is_removed else "There was no second factor"
        return Outcome({"email": user.email, "removed": is_removed}, [f"{what}: {user.email}"])
