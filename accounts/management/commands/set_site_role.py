"""manage.py set_site_role"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from accounts.command_arguments import named_person
from accounts.roles import SiteRole
from accounts.services.people import set_site_role
from mastablasta.core.commands import Outcome, ProgressCommand


class Command(ProgressCommand):
    help = (
        "Gives a person a site role: `admin` may everything everywhere and is let into Django admin, `editor` (the "
        "usual one) may what the workspaces' roles say, `viewer` may only read. Safe to run twice. Exit status 2 when "
        "nobody has the e-mail. With --json: {email, site_role}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("role", choices=SiteRole.values)

    def work(self, **options: Any) -> Outcome:
        user = named_person(options["email"])
        set_site_role(user, SiteRole(options["role"]), at=timezone.now())
        return Outcome({"email": user.email, "site_role": user.site_role}, [f"{user.email} is {user.site_role}"])
