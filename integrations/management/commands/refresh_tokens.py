"""manage.py refresh_tokens"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser
from django.utils import timezone

from integrations.models import Credential, SocialAccount
from integrations.registry import PLATFORM_SLUGS
from integrations.services.tokens import Refreshed, can_be_renewed, grants_ending, refresh_each
from mastablasta.core.commands import Outcome, ProgressCommand

NO_TOKEN = "The platform gave no refresh token; connect the account again before its token ends."  # noqa: S105  a sentence
CONNECT_AGAIN = "connect the account again before then."
WELL = ("renewed", "would_renew", "under_way")
SAID = {
    "renewed": "renewed",
    "would_renew": "would be renewed",
    "under_way": "somebody else renews it",
    "refused": "refused, the account has to be connected again",
    "failed": "not renewed",
    "not_asked": "not asked",
    "no_refresh_token": "cannot be renewed",
}


class Command(ProgressCommand):
    help = (
        "Renews the tokens that end within some hours, and says of each account what happened. The workers do this by "
        "themselves ahead of time; safe beside them and safe to run twice. A hiccup of a platform signs nobody out, "
        "only its definite refusal does. Exit status 1 when an account could not be renewed, 2 when an argument is "
        "wrong. With --json: {accounts: [{account_id, workspace_id, platform, handle, outcome, message, "
        "token_expires_at}], renewed, not_renewed}; outcome is one of " + ", ".join(SAID) + "."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--within", type=float, default=1.0, metavar="HOURS", help="default 1")
        parser.add_argument("--workspace", type=UUID, metavar="ID", help="only its accounts; default: all workspaces")
        parser.add_argument("--platform", choices=PLATFORM_SLUGS, default="", help="only accounts there")
        parser.add_argument("--dry-run", action="store_true", help="say what would be renewed, and ask nobody")

    def work(self, **options: Any) -> Outcome:
        at, within = timezone.now(), timedelta(hours=options["within"])
        grants = grants_ending(at=at, within=within)
        if options["workspace"]:
            grants = grants.filter(workspace=options["workspace"])
        if options["platform"]:
            grants = grants.filter(platform_host__platform=options["platform"])
        due = grants.filter(can_be_renewed(at=at), expires_at__lte=at + within)
        renewable = list(due.values_list("id", flat=True))
        found = [_not_renewable(grant, at=at) for grant in grants.exclude(id__in=renewable)]
        if options["dry_run"]:
            found += [Refreshed(grant, "would_renew") for grant in renewable]
        else:
            with self.progress("renewing") as bar:
                for number, one in enumerate(refresh_each(renewable), 1):
                    found.append(one)
                    bar.show(number, len(renewable))
        rows = [row for one in found for row in _rows(one)]
        bad = sum(row["outcome"] not in WELL for row in rows)
        shown = {
            "accounts": rows,
            "renewed": sum(row["outcome"] == "renewed" for row in rows),
            "not_renewed": bad,
        }
        lines = [*_lines(rows), f"{shown['renewed']} renewed, {bad} could not be"]
        return Outcome(shown, lines, 1 if bad else 0)


def _not_renewable(grant: Credential, *, at: datetime) -> Refreshed:
    if grant.refresh_expires_at is not None:
        ends_at = f"{grant.refresh_expires_at:%Y-%m-%d %H:%M} UTC"
        return Refreshed(grant.id, "no_refresh_token", f"The platform ends this sign-in at {ends_at}; {CONNECT_AGAIN}")
    if grant.refresh_enc and grant.refresh_not_before is not None and grant.refresh_not_before > at:
        begins_at = f"{grant.refresh_not_before:%Y-%m-%d %H:%M} UTC"
        return Refreshed(grant.id, "not_asked", f"The platform renews its token from {begins_at} on.")
    return Refreshed(grant.id, "no_refresh_token", NO_TOKEN)


def _rows(one: Refreshed) -> Iterator[dict[str, Any]]:
    ends_at = Credential.objects.filter(id=one.credential_id).values_list("expires_at", flat=True).first()
    for account in SocialAccount.objects.connected().filter(credential=one.credential_id).order_by("id"):
        yield {
            "account_id": str(account.id),
            "workspace_id": str(account.workspace_id),
            "platform": account.platform,
            "handle": account.handle,
            "outcome": one.outcome,
            "message": one.message,
            "token_expires_at": ends_at.isoformat().replace("+00:00", "Z") if ends_at else None,
        }


def _lines(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        why = f": {row['message']}" if row["message"] else f", its token ends at {row['token_expires_at']}"
        yield f"{row['platform']} {row['handle']}: {SAID[row['outcome']]}{why}"
