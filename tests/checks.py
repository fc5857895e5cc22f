"""`make check`: what can be said of the code without running it; every step runs, the first lines say what failed.

`--write-openapi` writes docs/openapi.yaml instead.
"""

# ruff: noqa: T201  it speaks to the terminal

from __future__ import annotations

import argparse
import base64
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path

from tests.__main__ import ROOT, clean_environment

OPENAPI = ROOT / "docs" / "openapi.yaml"
PRODUCTION = {
    "DATABASE_URL": "postgres://mastablasta@127.0.0.1:5432/mastablasta",  # named, not opened
    "JWT_SECRET_KEY": "of-the-check-only-" + "0123456789abcdef" * 4,
    "ENCRYPTION_KEY": base64.urlsafe_b64encode(b"of the check only, 32 bytes long").decode(),
    "PUBLIC_URL": "https://social.example.org",
    "REGISTRATION_OPEN": "false",
    "V1_ENABLED": "false",
}


def run(*command: str, **settings: str) -> str:
    """Return what `command` complains of, "" when it is content."""
    with tempfile.TemporaryDirectory(prefix="mb-check-") as home:
        environment = clean_environment(Path(home)) | {"MASTABLASTA_HOME": home} | settings
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip() or f"status {done.returncode}" if done.returncode else ""


def python(*arguments: str, **settings: str) -> Callable[[], str]:
    return lambda: run(sys.executable, *arguments, **settings)


def describe(path: Path) -> str:
    """Write the API's description to `path`; returns complaints."""
    return run(sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", str(path))


def openapi_is_current() -> str:
    with tempfile.TemporaryDirectory(prefix="mb-check-") as folder:
        fresh = Path(folder) / "openapi.yaml"
        if complaints := describe(fresh):
            return complaints
        old = OPENAPI.read_text().splitlines() if OPENAPI.is_file() else []
        changes = unified_diff(old, fresh.read_text().splitlines(), "docs/openapi.yaml", "as the code is", lineterm="")
    lines = list(changes)
    return "\n".join([*lines[:40], "Run `make openapi` and read the change."]) if lines else ""


STEPS: dict[str, Callable[[], str]] = {
    "lint": python("-m", "ruff", "check", "--quiet", "--output-format", "concise", "."),
    "format": python("-m", "ruff", "format", "--quiet", "--check", "."),
    "types": python("-m", "mypy"),
    "import rules": lambda: run(os.path.join(os.path.dirname(sys.executable), "lint-imports"), "--no-logo"),
    "migrations": python("manage.py", "makemigrations", "--check", "--dry-run"),
    "migrations beside the version before": python("-m", "tests.migration_lint"),
    "set-up for production": python("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION),
    "API description": openapi_is_current,
    "lock files": python("-m", "pytest", "-p", "no:cacheprovider", "tests/test_requirements.py"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.checks", description=__doc__)
    parser.add_argument("--write-openapi", action="store_true")
    if parser.parse_args().write_openapi:
        OPENAPI.parent.mkdir(exist_ok=True)
        complaints = describe(OPENAPI)
        print(complaints or f"{OPENAPI.relative_to(ROOT)} is written")
        return 1 if complaints else 0
    failed = []
    for name, step in STEPS.items():
        started = time.monotonic()
        complaints = step()
        print(f"{'FAILED' if complaints else 'ok':8}{name} ({time.monotonic() - started:.1f} s)", flush=True)
        if complaints:
            failed.append(name)
            print(complaints, flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
