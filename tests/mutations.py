"""Ten ways to break it, one line each: `python -m tests.mutations` proves that the suite notices every one.

Each is made in a copy of the tree, where the tests that are to catch it run (on SQLite); the last names a database
that is not there. A mutation that survives, or whose line is gone, ends with status 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.__main__ import ROOT, clean_environment

LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One line and what is put in its place; `tests` are the ones that must turn red."""

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "drop a workspace filter",
        "accounts/querysets.py",
        "        return self.filter(**self.scope(workspace))",
        "        return self.filter()",
        ("tests/test_tenancy.py",),
    ),
    Mutation(
        "send before the mark",
        "mastablasta/core/outbound/door.py",
        "            call.on_visible()\n",
        "            threading.Timer(2, call.on_visible).start()\n",
        ("mastablasta/core/tests/test_outbound.py", "posts/tests/test_publishing.py"),
    ),
    Mutation(
        "finish without the lease token",
        "posts/services/claims_sqlite.py",
        "            if not Delivery.objects.filter(id=r.delivery_id, lease_token=r.token).update(",
        "            if not Delivery.objects.filter(id=r.delivery_id).update(",
        ("posts/tests/test_claims.py",),
    ),
    Mutation(
        "a probe that returns True",
        "mastablasta/health.py",
        '    return Finding(age < SILENT, "The last heartbeat that came through the queue.", age)',
        '    return Finding(True, "The last heartbeat that came through the queue.", age)',
        ("mastablasta/tests/test_health.py",),
    ),
    Mutation(
        "len(text) for the count",
        "integrations/platforms/mastodon/text.py",
        "    return sum(1 for _ in _GRAPHEME.finditer(spoiler_text + text))",
        "    return len(spoiler_text + text)",
        ("integrations/platforms/mastodon", "posts/tests/test_api.py"),
    ),
    Mutation(
        "a lost rotated token",
        "integrations/services/tokens.py",
        '        changes["refresh_enc"] = tokens.refresh_token',
        '        changes["refresh_enc"] = turn.refresh_token',
        ("integrations/tests/test_tokens.py", "posts/tests/test_publishing.py"),
    ),
    Mutation(
        "ignored Retry-After",
        "integrations/platforms/mastodon/answers.py",
        "    until = answer.retry_after()",
        "    until = answer.received_at",
        ("integrations/platforms/mastodon",),
    ),
    Mutation(
        "published on a 2xx without id",
        "integrations/platforms/mastodon/connector.py",
        "        if status is None:",
        "        if status is None and (status := {'remote_id': 'unknown', 'url': ''}) is None:",
        ("integrations/platforms/mastodon", "posts/tests/test_publishing.py"),
    ),
    Mutation(
        "Absent believed at once",
        "posts/services/outcomes.py",
        "        if job.claimed_at >= doubted_at + timedelta(seconds=settle_s):",
        "        if job.claimed_at >= doubted_at:",
        ("posts/tests/test_outcomes.py", "posts/tests/test_publishing.py"),
    ),
)
BROKEN_DATABASE = "postgres://nobody:nothing@127.0.0.1:1/nowhere"


def survives(mutation: Mutation, copy: Path) -> str:
    """Why the mutation went unnoticed; "" = it was caught."""
    path = copy / mutation.file
    text = path.read_text()
    if text.count(mutation.old) != 1:
        return f"its line stands {text.count(mutation.old)} times in {mutation.file}"
    try:
        added = "import threading\n" if "threading." in mutation.new and "import threading" not in text else ""
        future = "from __future__ import annotations\n"
        path.write_text(text.replace(mutation.old, mutation.new).replace(future, future + added, 1))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "2", "-m", "not slow", *mutation.tests]
        environment = clean_environment(copy / "var") | {"PYTHONPATH": str(copy)}
        outcome = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        is_red = outcome.returncode in {1, 2} and "\nFAILED " in outcome.stdout  # 2: xdist stops at the first
        return "" if is_red else f"pytest ended with {outcome.returncode}\n{outcome.stdout[-2000:]}"
    finally:
        path.write_text(text)


def broken_database_survives() -> str:
    environment = {**os.environ, "TEST_DATABASE_URL": BROKEN_DATABASE}
    command = [sys.executable, "-m", "tests", "mastablasta/core/tests/test_crypto.py"]
    outcome = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return "" if outcome.returncode and "TEST_DATABASE_URL" in outcome.stderr else "the run did not fail"


def main() -> int:
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="mb-mutations-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        found = [(mutation.what, survives(mutation, copy)) for mutation in MUTATIONS]
    found.append(("a broken TEST_DATABASE_URL", broken_database_survives()))
    for what, why in found:
        survivors += bool(why)
        print(f"{'SURVIVED' if why else 'caught  '}  {what}{f': {why}' if why else ''}", flush=True)
    print(f"{len(found) - survivors} of {len(found)} mutations were caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
