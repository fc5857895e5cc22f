"""What the README tells a newcomer to type works, letter by letter."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from media_library.tests.factories import photo
from tests.instance import PATIENCE_S, ROOT, Instance

pytestmark = pytest.mark.timeout(600)


def commands(heading: str) -> str:
    """The indented lines below a heading of the README."""
    section = (ROOT / "README.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))


def documents(text: str) -> Iterator[Any]:
    """The JSON documents that `text` is made of."""
    while text := text.strip():
        found, end = json.JSONDecoder().raw_decode(text)
        yield found
        text = text[end:]


def test_first_post_with_curl(instance: Instance, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo())
    script = commands("The first post")
    assert "33766" in script
    script = script.replace("33766", str(instance.port)).replace("33767", str(instance.sandbox_port))

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "TOKEN=\n" + script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    *_, post, with_picture = documents(done.stdout)
    assert post["status"] == "published"
    assert with_picture["media"] != []
    instance.wait_for(lambda: len(instance.sandbox.posts()) == 2, what="out, with the picture")
    seen = [(each["text"], [file["alt_text"] for file in each["media"]]) for each in instance.sandbox.posts()]
    assert seen == [("Hello, world!", []), ("Look!", ["A street"])]
