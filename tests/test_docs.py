"""What users and operators meet by name is named in the docs: settings, commands, metrics, error codes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from mastablasta.core.api.problems import SENTENCES
from mastablasta.core.errors import DomainError
from mastablasta.core.outbound import CallFailed
from mastablasta.ops import metrics

ROOT = Path(__file__).resolve().parent.parent
APPS = ("accounts", "analytics", "integrations", "mastablasta", "media_library", "posts", "webhooks")
CODE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*|[EW]\d{3}")
TAKES_CODE_FIRST = {"fault", "Refusal", "Refused", "LineError", "DecoderFailed"}


def _subclasses(kind: type) -> Iterator[type]:
    yield kind
    for each in kind.__subclasses__():
        yield from _subclasses(each)


def _sources() -> Iterator[ast.Module]:
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            if not {"tests", "migrations"} & set(path.parts):
                yield ast.parse(path.read_text())


def _text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _code_of(call: ast.Call, refusals: set[str]) -> Iterator[str]:
    """The codes that a call of one of our exceptions or of FieldProblem gives, where they stand there as text."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    owner = call.func.value.id if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) else ""
    arguments = [_text(argument) for argument in call.args]
    if name in refusals | TAKES_CODE_FIRST and arguments:
        yield arguments[0]
    if name in {"FieldProblem", "ErrorRule"} or (name == "field" and owner in refusals):
        yield from arguments[1:2]
    yield from (_text(keyword.value) for keyword in call.keywords if keyword.arg in {"code", "error_code"})


def error_codes() -> set[str]:
    """All that the program can say, as far as they stand in its source as texts."""
    refusals = {kind.__name__ for kind in _subclasses(DomainError)}
    assert {"Invalid", "Conflict", "NotThere"} <= refusals
    calls = [node for tree in _sources() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = {code for call in calls for code in _code_of(call, refusals)}
    found |= {code for code, _ in SENTENCES.values()}
    return {code for code in found if CODE.fullmatch(code)}


def _named_in(page: str) -> set[str]:
    return set(re.findall(r"`([^`\s]+)`", (ROOT / page).read_text()))


def test_every_error_code_is_explained() -> None:
    codes = error_codes()

    assert len(codes) > 150  # the search finds them
    assert issubclass(CallFailed, Exception)
    assert sorted(codes - _named_in("docs/errors.md")) == []


def test_every_command_is_explained() -> None:
    commands = {path.stem for path in ROOT.glob("*/management/commands/*.py")} - {"__init__"}
    page = (ROOT / "docs/operations.md").read_text()

    assert commands
    assert [command for command in sorted(commands) if f"manage.py {command}" not in page] == []


@pytest.mark.django_db
def test_every_metric_is_explained() -> None:
    told = {line.split()[2] for line in metrics.render().decode().splitlines() if line.startswith("# HELP")}
    page = (ROOT / "docs/operations.md").read_text()

    assert len(told) > 10
    assert [name for name in sorted(told) if name.removesuffix("_total") not in page] == []


def test_every_setting_is_explained() -> None:
    """.env.example names each with its default (tests/test_env_example.py), the page groups them."""
    names = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert "DATABASE_URL" in names
    assert [name for name in names if name not in _named_in("docs/operations.md")] == []
    assert settings.TIME_SCALE == 1
