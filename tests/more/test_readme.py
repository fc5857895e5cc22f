"""What the README tells a newcomer to type works, letter by letter, and works again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.instance import PATIENCE_S, ROOT, Instance

pytestmark = pytest.mark.timeout(600)
README = (ROOT / "README.md").read_text()
PLATFORMS = ("mastodon", "twitter", "bluesky")


def commands(heading: str) -> str:
    """The indented lines below a heading of the README."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))


def documents(text: str) -> Iterator[Any]:
    """The JSON documents that `text` begins with."""
    while (text := text.strip()).startswith(("{", "[")):
        found, end = json.JSONDecoder().raw_decode(text)
        yield found
        text = text[end:]


def run(script: str, instance: Instance, folder: Path) -> str:
    """Its output; it ends at its first failure."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=folder,
        env=instance.environment(),
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def checkout(folder: Path) -> Path:
    """A folder in which the README's paths are right, with a var/ of its own."""
    for name in (".venv", "manage.py", "docs"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "var").mkdir()
    return folder


def test_first_post_twice(instance: Instance, tmp_path: Path) -> None:
    script = commands("The first post")
    assert "33766" in script
    script = script.replace("33766", str(instance.port)).replace("33767", str(instance.sandbox_port))
    folder = checkout(tmp_path)

    for round_ in (1, 2):
        output = run(script, instance, folder)
        assert output.endswith("ada@example.org is admin\n")
        *_, post, with_picture = documents(output)
        assert post["status"] in {"publishing", "published"}
        assert with_picture["media"] != []
        for platform in PLATFORMS:
            instance.wait_for(
                lambda at=platform, wanted=2 * round_: len(instance.sandbox.posts(at)) == wanted,
                what=f"out on {platform} in round {round_}",
            )

    for platform in PLATFORMS:
        seen = [
            (each["text"].partition("!")[0], [file["alt_text"] for file in each["media"]])
            for each in instance.sandbox.posts(platform)
        ]
        assert sorted(seen) == sorted(2 * [("Hello, world", []), ("Look", ["A harbour at dusk"])])
    [(staff,)] = instance.rows("SELECT count(*) FROM accounts_user WHERE site_role = 'admin'")
    assert staff == 1


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z][a-z-]+)\b(?=`|  )", README))))
def test_target_of_make_is_there(target: str) -> None:
    for _ in range(2):
        assert subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("command", sorted(set(re.findall(r"manage\.py ([a-z_]+)", README))))
def test_command_is_there(command: str) -> None:
    assert f".venv/bin/python manage.py {command}" in README
    done = subprocess.run(
        [sys.executable, "manage.py", command, "--help"], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0


def test_secrets_of_production_are_as_they_have_to_be(tmp_path: Path) -> None:
    lines = [line for line in commands("Run it for real").splitlines() if "openssl" in line]
    script = "\n".join([*lines, 'echo "$JWT_SECRET_KEY $ENCRYPTION_KEY"'])
    made = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout.split()

    assert [len(one) for one in made] == [64, 44]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w./-]+)\)|`([a-z_]+/[\w./-]+)`", README))))
def test_what_is_named_is_there(path: tuple[str, str]) -> None:
    name = "".join(path)
    assert name.startswith("var/") or (ROOT / name).exists()
