"""`python -m tests.migration_lint`: whether the version before goes on while a migration runs and after it.

django-migration-linter reads each migration's SQL for PostgreSQL: no column becomes NOT NULL without a default, none is
renamed or dropped, no index is made while writers wait. EXCEPTIONS names those that may, and why.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.__main__ import ROOT, clean_environment
from tests.pg import NoPostgreSQL, database, postgresql

OURS = ("accounts", "analytics", "audit", "core", "integrations", "media_library", "posts", "webhooks")
UNRELEASED = "older than the linter: no version that ran before it was ever released"
WIDER = "a longer text or fewer checks: what the version before writes is right in the new column"
EXCEPTIONS: dict[str, str] = {
    "0001_initial": "makes its tables, columns that refer to each other last: no version before knows them",
    "0002_requires_alt_text": UNRELEASED,
    "0002_sign_in_held": UNRELEASED,
    "0003_circuits_and_budgets": UNRELEASED,
    "0002_longer_alt_texts": WIDER,
    "0003_pace": UNRELEASED,
    "0006_longer_alt_texts": WIDER,
    "0007_post_types_of_capabilities": WIDER,
    "0009_post_external_id": "unique among rows that have one, and no version before writes any",
    "0003_documents_and_captions": WIDER,
    "0019_captions_role": WIDER,
}
SETTINGS = "from mastablasta.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'django_migration_linter']\n"


def lint() -> str:
    """What the linter complains of, "" when it is content."""
    with (
        tempfile.TemporaryDirectory(prefix="mb-lint-") as home,
        postgresql() as server,
        database(server, migrated=True) as url,
    ):
        (Path(home) / "lint_settings.py").write_text(SETTINGS)
        environment = clean_environment(Path(home)) | {
            "MASTABLASTA_HOME": home,
            "MASTABLASTA_MODE": "development",
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "lint_settings",
            "PYTHONPATH": os.pathsep.join((home, str(ROOT))),
        }
        command = [
            sys.executable, "-m", "django", "lintmigrations", "--include-apps", *OURS, "--no-cache",
            "--project-root-path", str(ROOT), "--quiet", "ok", "ignore",
            *(("--ignore-name", *EXCEPTIONS) if EXCEPTIONS else ()),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip() or f"status {done.returncode}" if done.returncode else ""


if __name__ == "__main__":
    try:
        complaints = lint()
    except NoPostgreSQL as error:
        complaints = str(error)
    sys.exit(complaints or 0)
