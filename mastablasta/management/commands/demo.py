"""manage.py demo"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mastablasta.core.commands import Outcome, ProgressCommand
from mastablasta.ops.story import CannotTell, Ending, tell


class Command(ProgressCommand):
    help = (
        "Tells the whole story on a running development instance (`make run`): a person connects three accounts of the "
        "simulated world, two platforms break, one post goes out, and each platform shows it once. Takes some seconds, "
        "two minutes at most, and leaves the person and the post there. Exit status 1 when the instance does not run, "
        "or the post is not out once everywhere. With --json: {post_id, status, copies, attempts}."
    )

    def work(self, **options: Any) -> Outcome:
        say = (lambda _: None) if options["json"] else self._say
        try:
            ending = tell(say)
        except CannotTell as reason:
            return Outcome({"error": str(reason)}, [str(reason)], 1)
        return Outcome(asdict(ending), [_moral(ending)], 0 if ending.is_happy else 1)

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()


def _moral(ending: Ending) -> str:
    if not ending.is_happy:
        return f"The post is {ending.status}; look at /api/v2/posts/{ending.post_id}/attempts, and at the log"
    return f"{len(ending.attempts)} calls, and each platform has the post once"
