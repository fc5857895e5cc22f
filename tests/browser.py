"""A real headless Chromium, spoken to over its DevTools pipe: what a page shows, complains of, and asks whom for."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
WHY_SKIPPED = "Chromium is not installed (Debian: apt-get install chromium)"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=1300,1000",
    "--remote-debugging-pipe",
)

# The texts that stand out from what is behind them by less than WCAG 2.2 AA asks for (1.4.3: 4.5, of large letters 3).
FAINT_TEXTS = """
(() => {
  const channels = (text) => { const found = text.match(/[\\d.]+/g).map(Number); return [...found, 1].slice(0, 4); };
  const linear = (one) => (one / 255 <= 0.03928 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3]));
  const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.push(channels(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const isSeen = (element) =>
    element.getClientRects().length && getComputedStyle(element).visibility !== "hidden" &&
    !element.closest("script, style, svg, option, .visually-hidden, .skip-to-content-link");
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim(), element = texts.currentNode.parentElement;
    if (!text || !isSeen(element)) continue;
    const style = getComputedStyle(element), paper = behind(element);
    const pair = [luminance(paper), luminance(over(channels(style.color), paper))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if ((pair[0] + 0.05) / (pair[1] + 0.05) < (isLarge ? 3 : 4.5)) faint.push(text.slice(0, 40));
  }
  return faint;
})()
"""


@dataclass
class Page:
    """One tab. `complaints`: errors and warnings of its console; `asked`: the address of every request; `dragged`: what
    the mouse has begun to drag."""

    send: Callable[..., dict[str, Any]]
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    dragged: list[dict[str, Any]] = field(default_factory=list)

    def sign_in(self, address: str, session: str) -> None:
        self.send("Network.setCookie", name="sessionid", value=session, url=address)

    def open(self, url: str, *, until: str = "document.readyState === 'complete'", timeout_s: float = 40) -> None:
        """Go there and wait until the expression `until` is true."""
        self.send("Page.navigate", url=url)
        self.wait(until, timeout_s=timeout_s)

    def submit(self, form: str, *, until: str = "true", timeout_s: float = 40) -> None:
        """Send the form that the expression names and wait for the page that comes of it, whole, with `until` true."""
        self.wait("document.readyState === 'complete'", timeout_s=timeout_s)
        self.run("document.documentElement.pageBeforeSubmit = true")
        self.run(f"{form}.requestSubmit()")
        arrived = "!document.documentElement.pageBeforeSubmit && document.readyState === 'complete'"
        self.wait(f"{arrived} && ({until})", timeout_s=timeout_s)

    def wait(self, until: str, *, timeout_s: float = 40) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.run(until):
            if time.monotonic() > deadline:
                shown = self.run("document.body && document.body.innerText.slice(0, 2000)")
                raise AssertionError(f"not {until} within {timeout_s} s; console: {self.complaints}; page: {shown}")
            time.sleep(0.1)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        return self.send("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def fill(self, selector: str, value: str) -> None:
        """Put `value` into a field as somebody who types it, who also leaves the field."""
        field, text = json.dumps(selector), json.dumps(value)
        self.wait(f"!!document.querySelector({field})")
        self.run(
            f"(() => {{ const field = document.querySelector({field}); field.focus(); field.value = {text};"
            "for (const name of ['input', 'change']) field.dispatchEvent(new Event(name, {bubbles: true})); })()"
        )

    def click(self, selector: str) -> None:
        """Press the middle of an element with the mouse, once it is there."""
        self._mouse("mouseMoved", *self._middle(selector))
        for kind in ("mousePressed", "mouseReleased"):
            self._mouse(kind, *self._middle(selector), button="left", clickCount=1)

    def choose_file(self, selector: str, path: Path) -> None:
        """As somebody who picks a file of their disk in a field of files."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        found = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", files=[str(path)], nodeId=found)

    def drag(self, what: str, where: str) -> None:
        """Drag an element onto another with the mouse, as the browser itself drags."""
        self.send("Input.setInterceptDrags", enabled=True)
        self.dragged.clear()
        x, y = self._middle(what)
        self._mouse("mouseMoved", x, y)
        self._mouse("mousePressed", x, y, button="left", clickCount=1)
        for step in (5, 15, 25):
            self._mouse("mouseMoved", x + step, y + step, button="left", buttons=1)
        self.wait("true")  # reads what the browser has told meanwhile
        assert self.dragged, f"{what} cannot be dragged"
        to_x, to_y = self._middle(where, scrolls=False)
        for kind in ("dragEnter", "dragOver", "drop"):
            self.send("Input.dispatchDragEvent", type=kind, x=to_x, y=to_y, data=self.dragged[-1])
        self._mouse("mouseReleased", to_x, to_y, button="left", clickCount=1)
        self.send("Input.setInterceptDrags", enabled=False)

    def _mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def _middle(self, selector: str, *, scrolls: bool = True) -> tuple[float, float]:
        name = json.dumps(selector)
        self.wait(f"!!document.querySelector({name})?.getClientRects().length")
        x, y = self.run(
            f"(() => {{ const one = document.querySelector({name});"
            f"if ({json.dumps(scrolls)}) one.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            "const at = one.getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]; })()"
        )
        return x, y

    def shown_as(self, *, width: int, scheme: str) -> None:
        """From now on as somebody sees it whose window is so wide (a phone's below 500), in "light" or "dark"."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.send("Emulation.setDeviceMetricsOverride", **metrics)

    def faint_texts(self) -> list[str]:
        """The texts of the page that are too much like what is behind them to be read by everybody."""
        return list(self.run(FAINT_TEXTS))

    def picture(self, path: Path, **how: Any) -> None:
        """Keep what is seen; `how`: as the DevTools protocol takes it (format, quality, clip)."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", **how)["data"]))

    def note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif event.get("method") == "Input.dragIntercepted":
            self.dragged.append(params["data"])
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(params["entry"]["text"])
        elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning", "assert"}:
            self.complaints.append(str([one.get("value", one.get("description")) for one in params["args"]]))
        elif event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:500])


@contextmanager
def browser() -> Iterator[Page]:
    """Start Chromium with an empty profile and give its one tab; it ends with the block."""
    to_them, from_us = os.pipe()
    from_them, to_us = os.pipe()
    with tempfile.TemporaryDirectory(prefix="mb-chromium-", ignore_cleanup_errors=True) as profile:

        def as_3_and_4() -> None:
            reading, writing = os.dup(to_them), os.dup(to_us)
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=as_3_and_4,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_them)
        os.close(to_us)
        try:
            with os.fdopen(from_us, "wb", buffering=0) as out, os.fdopen(from_them, "rb", buffering=0) as incoming:
                yield _attached(_Pipe(out, incoming))
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class _Pipe:
    """JSON messages, each ended by NUL, both ways."""

    def __init__(self, out: Any, incoming: Any) -> None:
        self.out, self.incoming = out, incoming
        self.buffer = b""
        self.number = 0
        self.session = ""
        self.note: Callable[[dict[str, Any]], None] = lambda _: None

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.out.write(json.dumps(message).encode() + b"\0")
        while True:
            event = self._next()
            if event.get("id") == self.number:
                if "error" in event:
                    raise AssertionError(f"{method}: {event['error']}")
                result: dict[str, Any] = event["result"]
                return result
            self.note(event)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            more = self.incoming.read(65536)
            if not more:
                raise AssertionError("Chromium has ended")
            self.buffer += more
        text, _, self.buffer = self.buffer.partition(b"\0")
        event: dict[str, Any] = json.loads(text)
        return event


def _attached(pipe: _Pipe) -> Page:
    targets = pipe.send("Target.getTargets")["targetInfos"]
    tab = next(one["targetId"] for one in targets if one["type"] == "page")
    pipe.session = pipe.send("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
    page = Page(pipe.send)
    pipe.note = page.note
    for domain in ("Page", "Network", "Log", "Runtime"):
        pipe.send(f"{domain}.enable")
    return page
