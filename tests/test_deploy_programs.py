"""The files of deploy/ as the programs read them that they are for; each is skipped where its program is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.kit.certificates import Authority

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
HOST = "social.example.org"


def checked(command: Sequence[str], *, package: str = "", **environment: str) -> None:
    """Run a program's own check of a file; skipped, with the name of its package, where there is none."""
    program = shutil.which(command[0])
    if program is None:
        pytest.skip(f"{command[0]} is not installed" + (f" (Debian, Ubuntu: apt install {package})" if package else ""))
    done = subprocess.run(
        [program, *command[1:]],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def with_certificate(tmp_path: Path) -> Path:
    """A certificate and its key in one file, as a proxy finds it."""
    Authority(tmp_path).server(HOST)
    return tmp_path / f"{HOST}.pem"


def test_nginx_takes_it(tmp_path: Path) -> None:
    both = with_certificate(tmp_path)
    text = re.sub(r"(ssl_certificate(?:_key)?) .*;", rf"\1 {both};", (DEPLOY / "nginx.conf").read_text())
    whole = tmp_path / "whole.conf"
    paths = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole.write_text(f"pid {tmp_path}/pid; error_log {tmp_path}/error;\nevents {{}}\nhttp {{ {paths}\n{text} }}\n")

    checked(["nginx", "-t", "-c", str(whole), "-p", str(tmp_path)], package="nginx-light")


def test_haproxy_takes_it(tmp_path: Path) -> None:
    both = with_certificate(tmp_path)
    whole = tmp_path / "haproxy.cfg"
    whole.write_text(re.sub(r"crt \S+", f"crt {both}", (DEPLOY / "haproxy.cfg").read_text()))

    checked(["haproxy", "-c", "-f", str(whole)], package="haproxy")


def test_caddy_takes_it(tmp_path: Path) -> None:
    command = ["caddy", "validate", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]

    checked(command, package="caddy", SITE=HOST, HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path))


def test_prometheus_takes_the_alerts() -> None:
    checked(["promtool", "check", "rules", str(DEPLOY / "alerts.yaml")], package="prometheus")


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """With programs and folders where the units look for them, which are not there here."""
    units = sorted((DEPLOY / "systemd").iterdir())
    for unit in units:
        text = re.sub(r"^(ExecStart(?:Pre)?)=\S+", r"\1=/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)

    checked(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit.name) for unit in units)], package="systemd"
    )


def test_docker_compose_takes_it(tmp_path: Path) -> None:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("docker compose is not installed (Debian, Ubuntu: apt install docker-compose-v2)")
    needed = dict.fromkeys(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()), "of-the-check")

    checked(
        [
            "docker",
            "compose",
            "--project-directory",
            str(tmp_path),
            "-f",
            str(DEPLOY / "compose.yaml"),
            "config",
            "--quiet",
        ],
        **needed,
    )
