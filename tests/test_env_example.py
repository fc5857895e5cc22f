""".env.example names what settings.py reads, no more and no less, each under a sentence."""

from __future__ import annotations

import re
from pathlib import Path

from integrations import registry

ROOT = Path(__file__).resolve().parent.parent
READ = re.compile(r'\b(?:(?:env|self)\.(?:text|number|fraction|flag|items|choice)|_secret)\(\s*f?"([A-Z{][^"]*)"')
NAMED = re.compile(r"^#?([A-Z][A-Z0-9_]+)=")


def example() -> list[str]:
    return (ROOT / ".env.example").read_text().splitlines()


def test_every_setting_is_named_once() -> None:
    sources = "".join((ROOT / "mastablasta" / name).read_text() for name in ("settings.py", "environment.py"))
    read = {*READ.findall(sources), *registry.app_settings()}

    named = [match[1] for line in example() if (match := NAMED.match(line))]

    assert sorted(named) == sorted({"MASTODON_BASE_URL" if name.startswith("{") else name for name in read})


def test_every_setting_has_a_sentence() -> None:
    unexplained, above = [], ""
    for line in example():
        if NAMED.match(line) and not re.match(r"# [A-Z]", above):
            unexplained.append(line)
        if not NAMED.match(line):
            above = line

    assert unexplained == []
