"""What an operator copies works as it is written: deploy/, PRODUCTION_SETUP.md and the workflow name what there is."""

from __future__ import annotations

import configparser
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from mastablasta.ops import metrics

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
GUIDE = ROOT / "PRODUCTION_SETUP.md"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROXIES = ("Caddyfile", "nginx.conf", "haproxy.cfg")
COMMAND = re.compile(r"manage\.py[ ,]+([a-z_0-9]+)((?:[ ,]+\"?(?:--[a-z-]+|\d+)\"?)*)")
OF_THE_FILE_ITSELF = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "SITE", "UPSTREAM"}
OF_POSTGRESQL = {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}


def files() -> list[Path]:
    return [GUIDE, *sorted(path for path in DEPLOY.rglob("*") if path.is_file())]


def settings() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def test_commands_and_their_options_exist() -> None:
    named = [(path.name, *found) for path in files() for found in COMMAND.findall(path.read_text())]
    apps = get_commands()

    assert len(named) > 15
    assert [one for one in named if one[1] not in apps] == []
    for where, name, options in named:
        parser = load_command_class(str(apps[name]), name).create_parser("manage.py", name)
        known = {option for action in parser._actions for option in action.option_strings}
        assert set(re.findall(r"--[a-z-]+", options)) <= known, f"{where}: {name} {options}"


def test_settings_that_are_set_exist() -> None:
    known = settings()
    exported = set(re.findall(r"export ([A-Z_]+)=", GUIDE.read_text()))
    in_units = {
        name for unit in UNITS for name in re.findall(r"^Environment=([A-Z_]+)=", unit.read_text(), re.MULTILINE)
    }
    in_image = set(
        re.findall(r"([A-Z_]+)=", " ".join(re.findall(r"^ENV (.*)", (DEPLOY / "Dockerfile").read_text(), re.M)))
    )
    in_compose = {name for one in compose()["services"].values() for name in one.get("environment", {})}

    assert {"DATABASE_URL", "JWT_SECRET_KEY", "ENCRYPTION_KEY"} <= exported & known & in_compose
    assert (exported | in_units | in_image | in_compose) - known - OF_THE_FILE_ITSELF - OF_POSTGRESQL == set()


def test_steps_of_the_guide_are_all_there_and_its_links_lead_somewhere() -> None:
    text = GUIDE.read_text()
    targets = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
    named = re.findall(r"^\| [^|]* \| (`[^|]+) \|$", text, re.MULTILINE)

    assert re.findall(r"^## (\d)\.", text, re.MULTILINE) == list("1234567")
    assert [link for link in targets if not (ROOT / link).exists()] == []
    assert [name for line in named[-4:] for name in re.findall(r"`([^`]+)`", line) if "." in name
            and not list(DEPLOY.rglob(name))] == []  # fmt: skip


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_units_end_processes_as_they_must_be_ended(unit: Path) -> None:
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text())
    service = parser["Service"]

    assert (service["User"], service["KillMode"], service["NoNewPrivileges"]) == ("mastablasta", "mixed", "true")
    assert int(service["TimeoutStopSec"]) >= 30
    assert service["Environment"] == "MASTABLASTA_HOME=/var/lib/mastablasta"
    assert parser["Unit"].get("Requires", "mastablasta-migrate.service") in {path.name for path in UNITS}


def test_timers_start_units_that_are_there() -> None:
    timers = list((DEPLOY / "systemd").glob("*.timer"))

    assert {timer.stem for timer in timers} == {"mastablasta-backup", "mastablasta-prune"}
    assert {timer.stem for timer in timers} < {unit.stem for unit in UNITS}


def test_containers_are_one_instance_of_an_unprivileged_user() -> None:
    services, image = compose()["services"], (DEPLOY / "Dockerfile").read_text()
    ours = {name: one for name, one in services.items() if one["image"] == "mastablasta"}
    copied = re.findall(r"^COPY (?!--from)(\S+)", image, re.MULTILINE)

    assert set(ours) == {"migrate", "web", "worker", "clock", "backup", "prune"}
    assert {tuple(one["volumes"]) for one in ours.values()} == {("data:/data",)}
    assert all(one["read_only"] and one["cap_drop"] == ["ALL"] for one in ours.values())
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert image.index("USER 10001") < image.index("CMD")
    assert "--require-hashes -r /tmp/requirements.lock.txt" in image


def test_image_is_given_what_runs_and_nothing_else() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}

    assert (rules[0], rules[-2:]) == ("*", ["**/tests", "**/__pycache__"])
    assert {rule.removeprefix("!") for rule in rules[1:-2]} == packages | {
        "manage.py", "requirements.lock.txt", "templates", "NOTICE"
    }  # fmt: skip


@pytest.mark.parametrize("name", PROXIES)
def test_proxies_ask_the_right_port_and_keep_the_metrics_to_themselves(name: str) -> None:
    text = (DEPLOY / name).read_text()

    assert "33766" in text
    assert "/metrics" in text
    assert text.count("{") == text.count("}")
    assert re.search(r"600s|10m", text)
    assert name == "nginx.conf" or "/readyz?for=web" in text
    assert "proxy_request_buffering off" in text or name != "nginx.conf"


def test_workflow_runs_what_everybody_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = workflow["jobs"]["run"]["steps"]

    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert os.access(ROOT / ".ci/run", os.X_OK)
    audited = " ".join(step.get("run", "") for step in workflow["jobs"]["audit"]["steps"])
    assert set(re.findall(r"-r (\S+)", audited)) == {path.name for path in ROOT.glob("*.lock.txt")}
    assert "schedule" in workflow[True]  # YAML's `on`
    assert workflow["permissions"] == {"contents": "read"}


@pytest.mark.django_db
def test_alerts_and_dashboard_ask_for_figures_that_there_are() -> None:
    told = {line.split()[2] for line in metrics.render().decode().splitlines() if line.startswith("# HELP")}
    rules = [
        rule for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
    ]
    panels = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
    asked = [rule["expr"] for rule in rules] + [target["expr"] for panel in panels for target in panel["targets"]]
    named = {name for expression in asked for name in re.findall(r"mastablasta_\w+", expression)}

    assert len(named) > 15
    assert named - told == set()
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] in {"page", "ticket"} for rule in rules)
