"""Several hosts on one machine, for tests: each in a network of its own, with a name, a home folder and processes.

with site(PUBLISH_THREADS="8") as here:
    web, worker = here.add("web1"), here.add("worker1")
    web.serve(); worker.run("run_worker")
    worker.cut_off()      # its cable: nothing arrives any more, and nobody is told
    web.die()             # its power, as far as processes can lose it

A host reaches the services that all share (PostgreSQL, Redis, S3, the simulator) at 127.0.0.1 as everybody does: in its
network that address leads to this machine. So nothing has to know that it is one of several, and no proxy is between.
Linux, root, iproute2 and redis-server are needed; `what_is_missing` says which is not there.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import psycopg

from tests.client import Client
from tests.instance import Instance
from tests.pg import database, own_tcp_server
from tests.ports import free_port
from tests.world import running_sandbox

KEYS = {"aws_access_key_id": "us", "aws_secret_access_key": "known to us", "region_name": "us-east-1"}
BUCKET = "pictures"
PORT = 33766
NETWORK = "10.177"  # not used else where tests run
MOST = 12
ADDRESSES = [f"{NETWORK}.{number}.2" for number in range(1, MOST + 1)]


def what_is_missing() -> str:
    """Why several hosts cannot be had here, in a sentence; "" = they can."""
    for program, package in (("ip", "iproute2"), ("unshare", "util-linux"), ("redis-server", "redis-server")):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian, Ubuntu: apt install {package})"
    if os.geteuid() != 0:
        return "networks of their own take root"
    tried = subprocess.run(["ip", "netns", "add", "mb-tried"], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", "mb-tried"], capture_output=True, check=False)
    return f"networks of their own cannot be made ({tried.stderr.strip()})" if tried.returncode else ""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Host(Instance):
    """One of them. `serve` and `run` start its processes; `end` takes them and its network away."""

    def __init__(self, name: str, number: int, tag: str, shared: dict[str, str], folder: Path) -> None:
        super().__init__(shared["DATABASE_URL"], folder, **shared)
        self.name, self.space, self.cable = name, f"mb-{tag}-{name}", f"mb{tag}{number}"
        self.address, self.gateway = f"{NETWORK}.{number}.2", f"{NETWORK}.{number}.1"
        self.url = f"http://{self.address}:{PORT}"
        self.sandbox_port = int(shared["SANDBOX_PORT"])
        self._connect()

    def _connect(self) -> None:
        ip("netns", "add", self.space)
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        ip("addr", "add", f"{self.gateway}/30", "dev", self.cable)
        ip("link", "set", self.cable, "up")
        Path(f"/proc/sys/net/ipv4/conf/{self.cable}/route_localnet").write_text("1")
        ip("-n", self.space, "link", "set", "lo", "up")
        ip("-n", self.space, "addr", "add", f"{self.address}/30", "dev", "eth0")
        ip("-n", self.space, "link", "set", "eth0", "up")
        on = ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet"]
        subprocess.run(["ip", "netns", "exec", self.space, *on], check=True)
        ip("-n", self.space, "addr", "del", "127.0.0.1/8", "dev", "lo")
        ip("-n", self.space, "route", "add", "127.0.0.1/32", "via", self.gateway, "dev", "eth0", "src", self.address)

    def serve(self) -> None:
        """Start a web server; `url` is where it listens."""
        self.run_program("-m", "gunicorn", "-c", "python:mastablasta.gunicorn", "-b", f"{self.address}:{PORT}")

    def run(self, command: str) -> None:
        """Start `run_worker` or `run_clock`."""
        self.run_program("manage.py", command)

    def run_program(self, *arguments: str) -> None:
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name, sys.executable, *arguments]
        self.launch("ip", "netns", "exec", self.space, *named)

    def cut_off(self) -> None:
        """Pull its cable: what is on its way is lost, and connections end for nobody."""
        ip("link", "set", self.cable, "down")

    def plug_in(self) -> None:
        ip("link", "set", self.cable, "up")

    def die(self) -> None:
        """Pull its plug: its cable first, so that not even the kernel says goodbye, then all processes at once."""
        self.cut_off()
        self._kill()
        if self.runner is not None:
            self.runner.wait(20)

    def _kill(self) -> None:
        """Every process in its network: some write over their environment, by which an instance knows its own."""
        until = time.monotonic() + 30
        while time.monotonic() < until:  # one that is just starting has more to come
            listed = subprocess.run(["ip", "netns", "pids", self.space], capture_output=True, text=True, check=False)
            if not (pids := listed.stdout.split()):
                return
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.1)

    def end(self) -> None:
        self._kill()
        super().end()
        subprocess.run(["ip", "link", "del", self.cable], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self.space], capture_output=True, check=False)


class AtHosts(Client):
    """Knows which host stands for PUBLIC_URL now: platforms send people back to that."""

    def call(self, method: str, path: str, body: Any = None, timeout_s: float = 40, **headers: str) -> Any:
        path = path.replace(f"http://127.0.0.1:{PORT}", self.base, 1)
        return super().call(method, path, body, timeout_s, **headers)


class Site(Instance):
    """Hosts that share everything; to what asks an Instance it is the web host that answers now (`answer_by`)."""

    def __init__(self, shared: dict[str, str], folder: Path) -> None:
        super().__init__(shared["DATABASE_URL"], folder / "site", **shared)
        self.shared, self.folder, self.tag = shared, folder, secrets.token_hex(2)
        self.hosts: dict[str, Host] = {}
        self.sandbox.url = f"http://127.0.0.1:{shared['SANDBOX_PORT']}"

    def add(self, name: str) -> Host:
        """A host without processes."""
        host = self.hosts[name] = Host(name, len(self.hosts) + 1, self.tag, self.shared, self.folder / name)
        return host

    def answer_by(self, host: Host) -> None:
        self.url = host.url

    def client(self) -> Client:
        return AtHosts(self.url, sandbox_url=self.sandbox.url).register()

    def output(self) -> str:
        return "\n".join(f"--- {name}\n{host.output()[-1500:]}" for name, host in self.hosts.items())

    def seen_at(self, host: Host, role: str) -> bool:
        """Whether such a process of the host (`cluster`, `clock`) gave a sign of life in the last seconds."""
        found = self.rows(
            "SELECT 1 FROM core_heartbeat WHERE at > now() - interval '8 s'"
            f" AND (name LIKE '{role}:{host.name}:%' OR (name = '{role}' AND detail ->> 'owner' LIKE '{host.name}:%'))"
        )
        return bool(found)

    def end(self) -> None:
        for host in self.hosts.values():
            host.end()
        super().end()


@contextmanager
def site(folder: Path, **settings: str) -> Iterator[Site]:
    """Services for several hosts, and no host yet. `settings` count for all of them."""
    with ExitStack() as stack:
        server = stack.enter_context(own_tcp_server())
        url = stack.enter_context(database(server, migrated=True))
        world = stack.enter_context(running_sandbox(free_port()))
        shared = {
            "DATABASE_URL": url,
            "REDIS_URL": stack.enter_context(redis_server(folder)),
            "SANDBOX_PORT": world.url.rpartition(":")[2],
            "INSTANCE_ID": "one-of-several",
            "PORT": str(PORT),
            "WEB_WORKERS": "1",
            "JWT_SECRET_KEY": "of-this-test-" + "0123456789abcdef" * 4,
            "ENCRYPTION_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "SECRET_KEY": "of-this-test-" + "fedcba9876543210" * 4,
            "AWS_STORAGE_BUCKET_NAME": BUCKET,
            "AWS_S3_ENDPOINT_URL": stack.enter_context(s3_server()),
            **{
                name.upper().replace("REGION", "S3_REGION"): value
                for name, value in KEYS.items()
                if name != "region_name"
            },
            "AWS_S3_REGION_NAME": KEYS["region_name"],
            **settings,
        }
        here = Site(shared, folder)
        stack.callback(here.end)
        yield here


def started(command: list[str], port: int, **how: Any) -> subprocess.Popen[bytes]:
    """A server, once it takes connections on that port of 127.0.0.1."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process
        assert process.poll() is None, f"{command[0]} ended with status {process.returncode}"
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"{command[0]} does not listen")


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The URL of an empty Redis that keeps nothing."""
    port = free_port()
    options = {"--port": str(port), "--bind": "127.0.0.1", "--save": "", "--appendonly": "no", "--dir": str(folder)}
    command = ["redis-server", "--protected-mode", "no", *(part for both in options.items() for part in both)]
    process = started(command, port)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def s3_server() -> Iterator[str]:
    """The URL of moto's server, with the bucket."""
    port = free_port()
    process = started([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port)
    try:
        url = f"http://127.0.0.1:{port}"
        boto3.resource("s3", endpoint_url=url, **KEYS).create_bucket(Bucket=BUCKET)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def sessions_of(address: str, url: str) -> int:
    """How many sessions PostgreSQL holds open for a host."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE client_addr = %s::inet", [address]
        ).fetchone()
    return int(row[0]) if row else 0
