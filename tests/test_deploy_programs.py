"""The files of deploy/ as the programs read them that they are for; each is skipped where its program is missing."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.certificates import Authority
from tests.kit.raw_server import RawConnection, RawServer, answer, raw_server
from tests.ports import free_port

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
HOST = "social.example.org"


def found(program: str, *, package: str) -> str:
    """Where it is; the test is skipped, with the name of its package, where it is not."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed (Debian, Ubuntu: apt install {package})")
    return path


def checked(command: Sequence[str], *, package: str = "", **environment: str) -> None:
    """Run a program's own check of a file."""
    done = subprocess.run(
        [found(command[0], package=package or command[0]), *command[1:]],
        env={**{name: value for name, value in os.environ.items() if value}, **environment},
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


def answer_as_allowed_hosts_say(connection: RawConnection) -> None:
    """As a web process does, with HOST in its PUBLIC_URL: any other name but loopback's is refused."""
    asked = connection.read_request()
    is_known = re.search(rf"(?im)^host: (127\.0\.0\.1|{re.escape(HOST)}(:\d+)?)\r$".encode(), asked) is not None
    connection.send(answer(status=200 if is_known else 400, connection="close"))


@contextmanager
def caddy(port: int, upstream: RawServer, folder: Path) -> Iterator[None]:
    """Caddy with our file, without TLS on a port of loopback; it has begun to look after `upstream`."""
    program = found("caddy", package="caddy")
    its = {"SITE": f"http://{HOST}:{port}", "UPSTREAM": f"localhost:{upstream.port}"}
    environment = {**os.environ, **its, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    adapted = subprocess.run(
        [program, "adapt", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"],
        env=environment, capture_output=True, check=True,
    )  # fmt: skip
    alone = {**json.loads(adapted.stdout), "admin": {"disabled": True}}  # whose port another one may have
    (folder / "caddy.json").write_text(json.dumps(alone))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "run", "--config", str(folder / "caddy.json")], env=environment, stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + 30
        while not upstream.requests:
            is_at_it = process.poll() is None and time.monotonic() < until
            assert is_at_it, (folder / "log").read_text()
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        status = process.wait(30)
    assert status == 0


def asked_through(port: int, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Host": f"{HOST}:{port}", **headers})
    status = connection.getresponse().status
    connection.close()
    return status


def test_caddy_finds_the_web_processes_well_and_says_who_asks(tmp_path: Path) -> None:
    port = free_port()
    with raw_server(answer_as_allowed_hosts_say) as upstream, caddy(port, upstream, tmp_path):
        forged = {"X-Forwarded-For": "192.0.2.6"}
        statuses = [asked_through(port, path, **forged) for path in ("/api/v2/status", "/metrics")]
        requests = [request.decode() for request in upstream.requests]

    assert requests[0].startswith("GET /readyz?for=web ")
    assert "\r\nHost: 127.0.0.1\r\n" in requests[0]
    assert statuses == [200, 404]
    (asked,) = [request.lower() for request in requests if not request.startswith("GET /readyz")]
    assert asked.startswith("get /api/v2/status ")
    assert re.findall(r"x-forwarded-(?:for|proto): (.*)\r", asked) == ["127.0.0.1", "http"]


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
    """With .env beside it, as the guide has it written."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed (Debian: apt install docker-compose; Ubuntu: docker-compose-v2)")
    needed = re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text())
    (tmp_path / ".env").write_text("".join(f"{name}=of-the-check\n" for name in needed))
    shutil.copy(DEPLOY / "compose.yaml", tmp_path)

    checked(["docker", "compose", "-f", str(tmp_path / "compose.yaml"), "--profile", "tools", "config", "--quiet"])
