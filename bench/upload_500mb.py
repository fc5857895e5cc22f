"""A video of 500 MB, uploaded by one client: how long it takes, and what it costs the web process in memory.

The limit is a bare WSGI handler that writes and hashes as many bytes, served by the same process.
"""

from __future__ import annotations

import http.client
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from uuid import uuid4

import django
import psutil

from bench.figures import say
from tests.instance import Instance
from tests.pg import database, postgresql

SIZE = 500 * 1024 * 1024
ROUNDS = 5
MEMORY_BAR_MB = 32.0


def run() -> None:
    with (
        postgresql(durable=True) as server,
        database(server) as url,
        tempfile.TemporaryDirectory(prefix="mb-bench-") as folder,
    ):
        instance = Instance(url, folder=Path(folder) / "home", WEB_WORKERS="1")
        instance.home.mkdir()
        assert instance.manage("migrate").returncode == 0
        server_process = instance.launch(
            sys.executable, "-m", "gunicorn", "-c", "python:mastablasta.gunicorn", "bench.bare_upload:application"
        )
        try:
            instance.wait_for(lambda: instance.readyz()[0], 30, what="serving")
            measure(instance, psutil.Process(server_process.pid).children()[0].pid, Path(folder))
        finally:
            server_process.terminate()
            server_process.wait(20)


def measure(instance: Instance, pid: int, folder: Path) -> None:
    token = instance.client().token
    os.environ.update(instance.environment())
    django.setup()
    rest = folder / "rest"
    with rest.open("wb") as file:
        for _ in range(SIZE // (1024 * 1024)):
            file.write(os.urandom(1024 * 1024))

    base_mb = resident_mb(pid, "VmRSS")
    bare_s, ours_s, above_mb = [], [], []
    for _ in range(ROUNDS + 1):  # the first is for warmth
        bare_s.append(send_bare(instance, rest))
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins again
        ours_s.append(send_video(instance, token, rest))
        above_mb.append(resident_mb(pid, "VmHWM") - base_mb)
    bare, ours = median(bare_s[1:]), median(ours_s[1:])
    say("upload_500mb", ours, "s", limit=bare, ratio=min(1.0, bare / ours))
    say("upload_500mb_peak", max(above_mb), "MB", limit=MEMORY_BAR_MB, ratio=min(1.0, MEMORY_BAR_MB / max(above_mb)))


def send_bare(instance: Instance, rest: Path) -> float:
    return send(instance, "/api/v2/media/upload?bare", {}, b"", rest, SIZE, b"", expect=200)


def send_video(instance: Instance, token: str, rest: Path) -> float:
    """A short clip and behind it a box that players skip, 500 MB in all; each time other bytes."""
    from media_library.tests.factories import clip

    video = clip("mp4")
    of_rest = SIZE - len(video) - 8
    boundary = uuid4().hex
    disposition = 'form-data; name="file"; filename="long.mp4"'
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: video/mp4\r\n\r\n".encode()
    head += video + (of_rest + 8).to_bytes(4, "big") + b"free"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": f"multipart/form-data; boundary={boundary}"}
    tail = f"\r\n--{boundary}--\r\n".encode()
    return send(instance, "/api/v2/media/upload", headers, head, rest, of_rest, tail, expect=201)


def send(
    to: Instance, path: str, headers: dict[str, str], head: bytes, rest: Path, of_rest: int, tail: bytes, *, expect: int
) -> float:
    """How long one request takes whose body is `head`, `of_rest` bytes of the file, and `tail`."""
    line = http.client.HTTPConnection("127.0.0.1", to.port, timeout=120)
    began = time.perf_counter()
    line.putrequest("POST", path)
    for name, value in {**headers, "Content-Length": str(len(head) + of_rest + len(tail))}.items():
        line.putheader(name, value)
    line.endheaders(head)
    with rest.open("rb") as file:
        line.sock.sendfile(file, 0, of_rest)
    if tail:
        line.sock.sendall(tail)
    answer = line.getresponse()
    text = answer.read()
    took_s = time.perf_counter() - began
    line.close()
    for kept in (*to.home.glob("bare-*"), *(to.home / "media").rglob("*.mp4")):
        kept.unlink()  # before the disk has it: what is written back would slow down the next
    if answer.status != expect:
        raise RuntimeError(f"{path} answered {answer.status}: {text[:500]!r}")
    return took_s


def resident_mb(pid: int, what: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {what}")
