"""Where the CPU of one thing goes, as a picture: `python -m bench.flamegraph list_50 list_50.svg`.

list_50 and create_scheduled: the web process, while it is asked for that again and again; burst: the job processes,
while they publish DELIVERIES (3000) posts that are due at once. py-spy (pip install py-spy; root, or a kernel that lets
one look at one's own processes) samples who holds the interpreter's lock, so waiting counts for nothing, and a busy
machine changes little. TITLE goes above the picture.
"""

from __future__ import annotations

import html
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.instance import Instance
from tests.pg import database, postgresql

SECONDS = int(os.environ.get("SECONDS", "20"))
DELIVERIES = int(os.environ.get("DELIVERIES", "3000"))
RATE = int(os.environ.get("RATE", "500"))  # samples a second of each process
WIDTH, ROW = 1200, 17
NARROWEST = 0.004  # of all samples; what is narrower is not drawn
CHARACTER = 6.6  # pixels
WRAPPER = "convert_exception_to_response"  # around each middleware of Django's, and of no interest


# --- what is asked for ---
def of_requests(name: str) -> list[str]:
    """Samples of the web process, asked on one kept connection."""
    with (
        postgresql(durable=True) as server,
        database(server) as url,
        tempfile.TemporaryDirectory(prefix="mb-bench-") as home,
        Instance(url, Path(home) / "home", WEB_WORKERS="1", THROTTLE_RATES="key=100000000/min") as instance,
    ):
        ask = asker(instance, name)
        for _ in range(30):
            ask()
        with sampled(instance.pids("web_worker")[0]) as samples:
            ends_at = time.monotonic() + SECONDS
            while time.monotonic() < ends_at:
                ask()
        return samples


def asker(instance: Any, name: str) -> Callable[[], object]:
    from datetime import UTC, datetime
    from itertools import count

    from bench.requests import Asker

    one, numbers, soon = Asker(instance), count(1), datetime.now(UTC) + timedelta(days=1)
    if name == "list_50":
        return lambda: one("GET", "/api/v2/posts")

    def create() -> object:
        number = next(numbers)
        body = {"content": f"See you, number {number}", "accounts": [str(one.accounts[0].id)]}
        at = soon + timedelta(hours=number % 8_000)
        return one("POST", "/api/v2/posts", {**body, "scheduled_time": at.isoformat()})

    return create


def of_burst() -> list[str]:
    """Samples of the processes that publish."""
    from bench import people
    from bench.stage import Stage

    # Few threads: py-spy looks at all of them for each sample, and what a post costs does not depend on it.
    with Stage(WORKERS="1", PUBLISH_THREADS="16") as stage:
        from django.utils import timezone

        from posts.models import Delivery

        app, everybody = people.sign_in_all(stage.mastodon, [f"person{i}" for i in range(DELIVERIES)])
        accounts = people.connect_all(stage.mastodon, app, everybody, at=timezone.now())
        stage.analyze()
        people.schedule_all(accounts, due_at=timezone.now() + timedelta(seconds=5), text="burst")
        with sampled(stage.instance.pids("sentinel")[0], "--subprocesses", "--nonblocking") as samples:
            ends_at = time.monotonic() + 120
            while Delivery.objects.filter(state="published").count() < DELIVERIES and time.monotonic() < ends_at:
                time.sleep(0.5)
        return samples


@contextmanager
def sampled(pid: int, *options: str) -> Iterator[list[str]]:
    """Fills the list that it gives with a line for each stack: frames from the outermost in, and how often it was."""
    lines: list[str] = []
    program = shutil.which("py-spy") or str(Path(sys.executable).with_name("py-spy"))
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        command = [program, "record", "--pid", str(pid), "--gil", "--rate", str(RATE), "--format", "raw", *options]
        command += ["--output", file.name]
        spy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        try:
            yield lines
        finally:
            spy.send_signal(signal.SIGINT)
            spy.wait(60)
            lines += Path(file.name).read_text().splitlines()
            if keep := os.environ.get("STACKS"):
                Path(keep).write_text("\n".join(lines))


# --- the picture ---
@dataclass(slots=True)
class Frame:
    """A function where it was called from; `samples` with all that it called."""

    name: str
    samples: int = 0
    calls: dict[str, Frame] = field(default_factory=dict)


def tree_of(lines: list[str], begins: set[str]) -> Frame:
    """The stacks that have a frame of one of the functions `begins`, from there on."""
    root = Frame("all")
    for line in lines:
        stack, _, times = line.rpartition(" ")
        frames = [re.sub(r":\d+\)$", ")", one) for one in stack.split(";")]
        names = [one.partition(" ")[0].rpartition(".")[2] for one in frames]
        start = next((place for place, one in enumerate(names) if one in begins), None)
        if start is None:
            continue
        at = root
        at.samples += int(times)
        for name in (one for one in frames[start:] if WRAPPER not in one):
            at = at.calls.setdefault(name, Frame(name))
            at.samples += int(times)
    return root


KINDS = (
    ("database driver", "#8fb8de", re.compile(r"\((psycopg|django/db/backends)")),
    (
        "Django, DRF and other libraries",
        "#c9c9c9",
        re.compile(r"\((django|rest_framework|drf_|structlog|logging|gunicorn)"),
    ),
    ("MastaBlasta", "#f2b134", re.compile(r"\((mastablasta|posts|accounts|integrations|webhooks|media_library)/")),
)
OTHER = "#dedede"


def drawn(root: Frame, title: str) -> str:
    """An SVG picture, the outermost function on top, each as wide as its share."""
    boxes: list[str] = []
    depth = _draw(root, 0.0, 0, root.samples, boxes)
    height = (depth + 3) * ROW
    legend = "".join(
        f'<rect x="{number * 260}" y="{height - ROW}" width="12" height="12" fill="{color}"/>'
        f'<text x="{number * 260 + 16}" y="{height - ROW + 10}">{name}</text>'
        for number, (name, color, _) in enumerate(KINDS)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" '
        f'font-size="11"><rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text x="4" y="12">{html.escape(title)} ({root.samples} samples)</text>{"".join(boxes)}{legend}</svg>\n'
    )


def _draw(frame: Frame, left: float, depth: int, total: int, boxes: list[str]) -> int:
    """Add this frame and what it called; return how deep they go."""
    width, deepest = WIDTH * frame.samples / total, depth
    name = frame.name.replace("(/", "(")
    color = next((color for _, color, pattern in KINDS if pattern.search(name)), OTHER)
    y, fits = (depth + 1) * ROW, int((width - 4) / CHARACTER)
    share = f"{100 * frame.samples / total:.1f} %"
    text = name if len(name) <= fits else name[:fits]
    label = f'<text x="{left + 2:.1f}" y="{y + 12}">{html.escape(text)}</text>' if fits > 3 else ""
    boxes.append(
        f'<g><title>{html.escape(name)}: {share}</title><rect x="{left:.1f}" y="{y}" width="{width:.1f}" '
        f'height="{ROW - 1}" fill="{color}"/>{label}</g>'
    )
    for call in sorted(frame.calls.values(), key=lambda one: one.name):
        if call.samples / total >= NARROWEST:
            deepest = max(deepest, _draw(call, left, depth + 1, total, boxes))
        left += WIDTH * call.samples / total
    return deepest


BEGINS = {
    "list_50": {"handle_request"},
    "create_scheduled": {"handle_request"},
    "burst": {"drain", "work_on"},  # the thread with the database, and those that call platforms
}


def main(name: str, path: str) -> None:
    lines = of_burst() if name == "burst" else of_requests(name)
    root = tree_of(lines, BEGINS[name])
    Path(path).write_text(drawn(root, os.environ.get("TITLE", name)))


if __name__ == "__main__":
    main(*sys.argv[1:])
