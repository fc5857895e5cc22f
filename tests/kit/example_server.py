"""A made-up platform in this process: what no built one has, and the faults of the simulator.

People sign in by OAuth and get a page with a token of its own; each call has to carry a proof of our app; pictures are
fetched by URL into containers that take a while; videos go to another origin, bit by bit, which answers 308.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

APP_ID, APP_SECRET = "example-app", "example-secret"
T = TypeVar("T")


def proof_of(token: str) -> str:
    return hmac.new(APP_SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()


class ExampleServer:
    """The platform, with the control that tests of the contract use of the simulator."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.faults: list[dict[str, Any]] = []
        self.files: dict[str, dict[str, Any]] = {}
        self.revoked: set[str] = set()
        self.number = 0
        self.servers = [self._serve(), self._serve()]
        self.url, self.upload_origin = (f"http://127.0.0.1:{server.server_port}" for server in self.servers)

    def _serve(self) -> ThreadingHTTPServer:
        handler = type("Handler", (_Handler,), {"world": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign,assignment]  # broken off on purpose
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    def stop(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()

    # --- the control ---
    def begin(self, _: str, make: Callable[[], T]) -> T:
        """As the simulator's, which keeps what `make` leaves; here it is made each time, which costs nothing."""
        return make()

    def posts(self, platform: str = "", account: str = "") -> list[dict[str, Any]]:
        return list(self.rows)

    def requests(self, platform: str = "") -> list[dict[str, Any]]:
        return list(self.calls)

    def fault(self, platform: str, operation: str, effect: str, times: int = 1, **more: Any) -> None:
        self.faults.append({"operation": operation, "effect": effect, "times": times, **more})

    def clear_faults(self) -> None:
        self.faults.clear()

    def limits(self, **limits: Any) -> None:
        """It has neither keys nor a guard against duplicates."""

    def next_id(self) -> str:
        with self.lock:
            self.number += 1
            return str(self.number)

    def fault_for(self, operation: str) -> dict[str, Any]:
        with self.lock:
            for fault in self.faults:
                if fault["times"] and fault["operation"] in {operation, "any"}:
                    fault["times"] -= 1
                    return fault
        return {"effect": ""}


class _Handler(BaseHTTPRequestHandler):
    world: ExampleServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing is written."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  http.server calls them so

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = _operation(self.command, parts.path)
        token = (self.headers.get("Authorization") or "").partition(" ")[2]
        fault = self.world.fault_for(operation)
        call = {
            "operation": operation,
            "path": parts.path,
            "query": query,
            "authorization": self.headers.get("Authorization"),
        }
        self.world.calls.append(call)
        effect = fault["effect"]
        if effect == "reset_before":
            return self._reset()
        if effect == "revoke_token":
            self.world.revoked.add(token)
        status, said, headers = self._refusal(effect, fault) or self._act(
            operation, parts.path, query, token, body, fault
        )
        if effect == "accept_then_reset":
            return self._reset()
        if effect == "accept_then_500":
            status, said = 500, {"error": {"message": "Broken."}}
        if effect == "publish_without_id":
            said = {}
        return self._send(status, said, headers)

    def _refusal(self, effect: str, fault: dict[str, Any]) -> tuple[int, Any, dict[str, str]] | None:
        if effect.startswith("status_"):
            return int(effect[7:]), {"error": {"message": "Broken."}}, {}
        if effect == "html_502":
            return 502, "<html>Bad gateway</html>", {}
        if effect == "garbage_200":
            return 200, "garbage", {}
        if effect == "rate_limited":
            return 429, {"error": {"message": "Slow down."}}, {"Retry-After": str(fault["retry_after"])}
        if effect == "reject_content":
            return 400, {"error": {"code": 100, "message": "We do not like it."}}, {}
        return None

    def _act(
        self, operation: str, path: str, query: dict[str, str], token: str, body: bytes, fault: dict[str, Any]
    ) -> tuple[int, Any, dict[str, str]]:
        world = self.world
        if operation == "consent":
            back = urlencode({"code": f"code-{query['_consent']}", "state": query["state"]})
            return 302, {}, {"Location": f"{query['redirect_uri']}?{back}"}
        if operation == "token":
            code = parse_qs(body.decode())["code"][0]
            return 200, {"access_token": f"person-{code[5:]}", "token_type": "bearer"}, {}
        if token in world.revoked or not token.startswith(("person-", "page-")):
            return 401, {"error": {"code": 190, "message": "The token is not valid."}}, {}
        if operation == "chunk":
            return self._chunk(path, body)
        if query.get("proof") != proof_of(token):
            return 403, {"error": {"code": 200, "message": "The proof is missing or wrong."}}, {}
        if operation == "identity":
            handle = token.removeprefix("person-")
            page = {"id": f"page-of-{handle}", "name": f"{handle}'s page", "access_token": f"page-{handle}"}
            return 200, {"id": handle, "pages": [page]}, {}
        sent = json.loads(body) if body else {}
        if operation == "upload":
            id_ = world.next_id()
            file = {"mime_type": sent["mime_type"], "alt_text": sent["alt_text"] or None}
            ready_at = time.monotonic() + fault.get("ms", 0) / 1000
            world.files[id_] = {"shown": file, "data": bytearray(), "ready_at": ready_at, "url": sent.get("url", "")}
            if "url" in sent:  # fetched at once, and worked on for a look
                world.files[id_] |= {"data": Path(urlsplit(sent["url"]).path).read_bytes(), "looks": 1}
                return 200, {"id": id_}, {}
            return 200, {"id": id_, "upload_url": f"{world.upload_origin}/upload/{id_}?signed=canary-session"}, {}
        if operation == "state":
            kept = world.files[path.rpartition("/")[2]]
            is_ready = time.monotonic() >= kept["ready_at"] and not kept.get("looks")
            kept["looks"] = 0
            return 200, {"status": "finished" if is_ready else "in_progress"}, {}
        if operation == "publish":
            media = [_shown(world.files[id_]) for id_ in sent.get("media", [])]
            row = {"id": world.next_id(), "text": sent["text"], "reply_to": sent.get("reply_to"), "media": media}
            world.rows.append({**row, "made_at": datetime.now(UTC).isoformat()})
            return 200, {"id": row["id"]}, {}
        if operation == "lookup":
            return 200, {"data": world.rows[::-1]}, {}
        found = [row for row in world.rows if row["id"] == path.rpartition("/")[2]]
        world.rows = [row for row in world.rows if row not in found]
        return (200, {}, {}) if found else (404, {"error": {"code": 404, "message": "There is no such post."}}, {})

    def _chunk(self, path: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        """308 says how much has arrived; 201 that all of it has."""
        video = self.world.files[path.rpartition("/")[2]]["data"]
        span, _, total = self.headers["Content-Range"].removeprefix("bytes ").partition("/")
        if span != "*":
            del video[int(span.partition("-")[0]) :]
            video += body
        if len(video) == int(total):
            return 201, {"status": "finished"}, {}
        return 308, {}, {"Range": f"bytes=0-{len(video) - 1}"} if video else {}

    def _send(self, status: int, said: Any, headers: dict[str, str]) -> None:
        data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _shown(kept: dict[str, Any]) -> dict[str, Any]:
    """A file as the world sees it in a post."""
    data = bytes(kept["data"])
    return {**kept["shown"], "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _operation(method: str, path: str) -> str:
    for word, operation in (("/oauth/authorize", "consent"), ("/oauth/token", "token"), ("/upload/", "chunk")):
        if word in path:
            return operation
    if path.endswith("/me"):
        return "identity"
    if path.endswith("/media"):
        return "upload"
    if "/media/" in path:
        return "state"
    if path.endswith("/posts"):
        return "publish" if method == "POST" else "lookup"
    return "delete"
