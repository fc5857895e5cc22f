"""manage.py retry_failed"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser
from django.utils import timezone

from accounts.command_arguments import named_workspace
from accounts.models import Workspace
from integrations.registry import PLATFORM_SLUGS
from mastablasta.core.commands import Outcome, ProgressCommand, duration
from posts.services.retries import Chosen, StillFailed, failed_posts, retry_one


class Command(ProgressCommand):
    help = (
        "Sends failed posts again, as far as that can help, and names the others with what each waits for. The workers "
        "do the sending. Safe beside them and safe to run twice. Exit status 1 when something stays failed, 2 when an "
        'argument is wrong. With --json: {"retried": [ids], "still_failed": [{"id", "error"}]}, as POST '
        "/api/v2/posts/retry-failed answers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", type=UUID, metavar="ID", help="only what is in it; default: all workspaces")
        parser.add_argument("--platform", choices=PLATFORM_SLUGS, default="", help="only what was meant for it")
        parser.add_argument("--since", type=duration, metavar="24h", help="only what failed within 90s, 15m, 24h, 7d")
        parser.add_argument("--code", default="", help="only what failed with this error code, as `timed_out`")
        parser.add_argument("--dry-run", action="store_true", help="say what would be retried, and change nothing")

    def work(self, **options: Any) -> Outcome:
        at = timezone.now()
        chosen = Chosen(options["platform"], options["code"], at - options["since"] if options["since"] else None)
        posts = list(failed_posts(_workspace(options["workspace"]), chosen))
        retried: list[UUID] = []
        still: list[StillFailed] = []
        with self.progress("retrying") as bar:
            for number, post_id in enumerate(posts, 1):
                reason = retry_one(post_id, at=timezone.now(), chosen=chosen, is_rehearsal=options["dry_run"])
                if reason is None:
                    retried.append(post_id)
                else:
                    still.append(reason)
                bar.show(number, len(posts))
        shown = {
            "retried": [str(post_id) for post_id in retried],
            "still_failed": [{"id": str(one.post_id), "error": one.error} for one in still],
        }
        verb = "would be retried" if options["dry_run"] else "retried"
        lines = [f"{post_id}: {verb}" for post_id in retried]
        lines += [f"{one.post_id}: still failed: {one.error}" for one in still]
        return Outcome(shown, [*lines, f"{len(retried)} {verb}, {len(still)} still failed"], 1 if still else 0)


def _workspace(workspace_id: UUID | None) -> Workspace | None:
    return None if workspace_id is None else named_workspace(workspace_id)
