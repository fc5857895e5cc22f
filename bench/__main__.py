"""`python -m bench [name ...]`: all benches but those that take half an hour, or those that are named."""

from __future__ import annotations

import importlib
import subprocess
import sys

BENCHES = (
    "claim",
    "publish_paced",
    "publish_burst",
    "instagram_burst",
    "instance",
    "requests",
    "growth",
    "door",
    "upload_500mb",
    "thumbnail_10mb_jpeg",
    "media_list",
    "triage",
    "search",
    "import_posts",
    "bulk_create_1000",
    "webhook_fanout",
    "analytics",
    "collect",
)
BY_NAME_ONLY = ("soak",)  # half an hour


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - {*BENCHES, *BY_NAME_ONLY})
    if unknown:
        print(
            f"no such bench: {', '.join(unknown)}; there are: {', '.join((*BENCHES, *BY_NAME_ONLY))}", file=sys.stderr
        )
        return 2
    if len(names) == 1:
        importlib.import_module(f"bench.{names[0]}").run()
        return 0
    # Each in a process of its own: Django is set up for one database.
    commands = [[sys.executable, "-m", "bench", name] for name in names or BENCHES]
    return max(subprocess.run(command, check=False).returncode for command in commands)


if __name__ == "__main__":
    sys.exit(main([name for argument in sys.argv[1:] for name in argument.split(",") if name]))
