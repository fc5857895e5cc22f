"""manage.py export_posts"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from accounts.command_arguments import named_workspace
from integrations.registry import PLATFORM_SLUGS
from mastablasta.core.commands import Outcome, ProgressCommand
from posts.import_export.exporting import FORMS, export_posts
from posts.models import Post
from posts.querysets import PostQuerySet
from posts.states import PostStatus


class Command(ProgressCommand):
    help = (
        "Writes the posts of a workspace to a file that import_posts and POST /api/v2/bulk/posts/import take, oldest "
        "first; docs/import-and-export.md says what it holds. A file of that name is replaced, once the new one is "
        "whole. Safe beside running workers. Exit status 2 when an argument is wrong. With --json: {posts, file}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="posts.csv or posts.json: its ending says the form")
        parser.add_argument("--workspace", type=UUID, required=True, metavar="ID", help="whose posts")
        parser.add_argument("--status", action="append", choices=PostStatus.values, help="only these; may be repeated")
        parser.add_argument("--platform", action="append", choices=PLATFORM_SLUGS, help="only these; may be repeated")
        parser.add_argument("--tag", action="append", metavar="NAME", help="only these; may be repeated")

    def work(self, **options: Any) -> Outcome:
        path: Path = options["file"]
        form = path.suffix.lower().removeprefix(".")
        if form not in FORMS:
            raise CommandError("FILE: end its name in .csv or .json, which says the form.", returncode=2)
        posts = _chosen(Post.objects.in_workspace(named_workspace(options["workspace"])).kept(), options)
        total = posts.count()
        whole = path.with_name(f"{path.name}.part")
        try:
            with whole.open("wb") as file, self.progress("exporting") as bar:
                counts = [0]
                for block in export_posts(posts.order_by("created_at", "id"), form, watch=counts.append):
                    file.write(block)
                    bar.show(counts[-1], total)
            os.replace(whole, path)
        except OSError as error:
            raise CommandError(f"FILE: it cannot be written ({error.strerror}).", returncode=2) from error
        return Outcome({"posts": counts[-1], "file": str(path)}, [f"{counts[-1]} posts are in {path}"])


def _chosen(posts: PostQuerySet, options: dict[str, Any]) -> PostQuerySet:
    if options["status"]:
        posts = posts.filter(status__in=options["status"])
    if options["platform"]:
        posts = posts.for_platforms(options["platform"])
    return posts.tagged(options["tag"]) if options["tag"] else posts
