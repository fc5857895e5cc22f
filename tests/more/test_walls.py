"""Each wall of pyproject.toml, broken once on purpose in a copy of the tree: the tool that holds it must say so."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RULES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
PACKAGES = RULES["importlinter"]["root_packages"]
BANNED = RULES["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]

# Contract: the module that is made to break it, and what it is made to import.
BREACHES = {
    "Imports go down only": ("integrations.models", "posts.models"),
    "core imports no app": ("mastablasta.core.ids", "accounts.roles"),
    "No app imports the roof": ("posts.services.retries", "mastablasta.ops.health"),
    "Only core.jobs imports django_q": ("posts.tasks", "django_q"),
    "Only core.outbound talks HTTP": ("integrations.services.hosts", "requests"),
    "A platform sees only the contract and the door": (
        "integrations.platforms.mastodon.connector",
        "integrations.models",
    ),
    "Rooms of posts: what people do never calls the engine, and the queue knows neither": (
        "posts.queue.claims",
        "posts.services.drafts",
    ),
    "The API does not call the engine": ("posts.api.views", "posts.engine.publisher"),
    "Threads that do HTTP never touch the ORM": ("posts.engine.sender", "posts.models"),
    "What sends webhooks never touches the ORM": ("webhooks.sending", "webhooks.models"),
    "What reads figures never touches the ORM": ("analytics.collection.reading", "integrations.models"),
    "What computes on plain values knows no Django": ("integrations.contract", "django"),
    "Codecs run in a process of their own, without Django": ("media_library.codecs.geometry", "django"),
    "The simulator knows nothing of ours": ("sandbox.world", "mastablasta.core.ids"),
    "Nothing of ours knows the simulator": ("mastablasta.ops.clock", "sandbox"),
    "The demo API knows no app": ("mastablasta.v1_demo.posts", "posts.models"),
    "Only the URL configuration and the web server import the demo API": (
        "mastablasta.ops.home",
        "mastablasta.v1_demo.state",
    ),
}


def test_every_contract_has_a_breach() -> None:
    assert list(BREACHES) == [contract["name"] for contract in RULES["importlinter"]["contracts"]]


def test_each_breach_of_an_import_rule_is_told(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, imported in BREACHES.values():
        path = tmp_path / f"{module.replace('.', '/')}.py"
        path.write_text(f"{path.read_text()}\n\ndef breach() -> None:\n    import {imported}\n")

    linter = Path(sys.executable).with_name("lint-imports")
    told = subprocess.run([linter, "--no-logo", "--no-cache"], cwd=tmp_path, capture_output=True, text=True)

    assert told.returncode == 1
    words = " ".join(told.stdout.split())
    broken = words.partition("Broken contracts")[2]
    for (name, (module, imported)), after in zip(BREACHES.items(), [*list(BREACHES)[1:], None], strict=True):
        section = broken.partition(name)[2]
        section = section.partition(after)[0] if after else section
        assert f"{module} -> {imported}" in section, f"{name}: {section[:500]}"


@pytest.mark.parametrize("name", BANNED)
@pytest.mark.parametrize(
    "path",
    ["posts/services/retries.py", "integrations/platforms/x.py", "media_library/codecs/x.py", "mastablasta/x.py"],
)
def test_way_past_the_door_is_told(name: str, path: str) -> None:
    told = linted(f"import {name}\n", path)

    assert "TID251" in told
    assert "TID251" not in linted("import json\n", path)


def test_the_door_itself_may() -> None:
    assert "TID251" not in linted("import http.client\n", "mastablasta/core/outbound/transport.py")


def linted(text: str, path: str) -> str:
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename", path, "-"]
    return subprocess.run(command, input=text, cwd=ROOT, capture_output=True, text=True).stdout
