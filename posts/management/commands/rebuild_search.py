"""manage.py rebuild_search"""

from __future__ import annotations

from typing import Any

from django.db import connection

from mastablasta.core.commands import Outcome, ProgressCommand
from posts.search import index


class Command(ProgressCommand):
    help = (
        "Writes the index of the search again, from the posts. The database keeps it by itself; this is for after "
        "somebody wrote around it, or restored half a database. Safe beside people who write posts, and to run twice."
    )

    def work(self, **_options: Any) -> Outcome:
        index.install(connection)
        posts = 0
        with self.progress("indexing") as bar:
            for posts, total in index.rebuild(connection):
                bar.show(posts, total)
        return Outcome({"posts": posts}, [f"{posts} posts are in the index"])
