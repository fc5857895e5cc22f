"""docs/webhooks.md: the events are those of the catalogue, and the code that it shows does what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from webhooks.api.description import describe_events
from webhooks.event_types import CATALOGUE, body_of
from webhooks.signing import new_secret, signed_headers

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text()
OWN = "a secret of my own, ä"
BODY = '{"event":"post.published","data":{"text":"Grüße 🎉"},"timestamp":"2030-01-31T09:00:00Z"}'.encode()
LANGUAGES = {"javascript": ["node", "-e"], "php": ["php", "-r"]}
# Of each case in the input: whether it is genuine, one line each.
EACH = {
    "javascript": """
for (const told of JSON.parse(require("node:fs").readFileSync(0, "utf8"))) {
  try { verify(Buffer.from(told.body), told.headers, told.secret); console.log("yes"); } catch { console.log("no"); }
}
""",
    "php": """
foreach (json_decode(stream_get_contents(STDIN), true) as $told) {
  try { verify($told["body"], $told["headers"], $told["secret"]); echo "yes "; } catch (Exception $e) { echo "no "; }
}
""",
}


def events_section() -> str:
    """How the page tells of the events."""
    told = []
    for one in CATALOGUE.values():
        body = json.loads(body_of(one.name, one.example, at=datetime(2030, 1, 31, 9, 0, 3, tzinfo=UTC)))
        shown = json.dumps(body, indent=2, ensure_ascii=False)
        told.append(f"### `{one.name}`\n\n{one.summary}\n\n```json\n{shown}\n```\n")
    return "\n".join(told)


def code_in(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_page_tells_of_every_event_as_the_catalogue_does() -> None:
    assert PAGE.endswith("## Events\n\n" + events_section())


def test_description_of_the_api_has_every_event() -> None:
    described = describe_events({"openapi": "3.0.3"})

    assert list(described) == ["openapi", "x-webhooks"]
    assert list(described["x-webhooks"]) == list(CATALOGUE)
    for name, operation in described["x-webhooks"].items():
        content = operation["post"]["requestBody"]["content"]["application/json"]
        validator = Draft202012Validator({**content["schema"], "additionalProperties": False})
        validator.validate(content["examples"][name]["value"])
        assert set(content["schema"]["required"]) == {"event", "data", "timestamp"}


def altered(headers: Mapping[str, str], **changes: str) -> dict[str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    return {**lower, **{name.replace("_", "-"): value for name, value in changes.items()}}


def cases() -> list[tuple[str, bytes, dict[str, str], bool]]:
    """Secret, body, headers, and whether that is genuine."""
    now, generated = datetime.now(UTC), new_secret()
    made = []
    for secret in (OWN, generated):
        good = signed_headers(BODY, message_id="m-1", at=now, secrets=[secret])
        made.append((secret, BODY, altered(good), True))
        made.append((secret, BODY[:-1] + b" }", altered(good), False))
        made.append((secret, BODY, altered(good, webhook_id="m-2"), False))
        made.append((secret, BODY, altered(good, webhook_signature="v1,AAAA"), False))
    rotating = altered(signed_headers(BODY, message_id="m-1", at=now, secrets=[generated, OWN]))
    old = altered(
        signed_headers(BODY, message_id="m-1", at=datetime.fromtimestamp(now.timestamp() - 301, UTC), secrets=[OWN])
    )
    return [*made, (OWN, BODY, rotating, True), (generated, BODY, rotating, True), (OWN, BODY, old, False)]


def test_python_verifies() -> None:
    names: dict[str, object] = {}
    exec(code_in("python"), names)
    verify = names["verify"]
    assert callable(verify)

    for secret, body, headers, is_genuine in cases():
        if is_genuine:
            verify(body, headers, secret)
        else:
            with pytest.raises(ValueError, match=r"too old|not genuine"):
                verify(body, headers, secret)


@pytest.mark.parametrize("language", LANGUAGES)
def test_other_languages_verify(language: str) -> None:
    command = LANGUAGES[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on this machine")
    given = cases()
    told = json.dumps([{"secret": s, "body": b.decode(), "headers": h} for s, b, h, _ in given])

    done = subprocess.run(
        [*command, code_in(language) + EACH[language]], input=told, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.stdout.split() == ["yes" if is_genuine else "no" for *_, is_genuine in given]
