"""manage.py webhook_receiver"""

from __future__ import annotations

import argparse
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from webhooks.signing import NotGenuine, UnusableSecret, check_own_secret, verify

SECRET_VARIABLE = "WEBHOOK_SECRET"  # noqa: S105  the name of one
MOST_BYTES = 2 * 1024 * 1024


class Command(BaseCommand):
    help = (
        "Receives webhooks on this machine, verifies each and prints it, until Ctrl-C: to see what arrives while one "
        f"writes a receiver. The secret comes from --secret or {SECRET_VARIABLE}. Genuine ones are answered with "
        "--status, others with 401. With --json: one object a line, {at, path, genuine, reason, id, body}. A webhook "
        "reaches it only where WEBHOOK_ALLOW_PRIVATE is true."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=33768)
        parser.add_argument("--secret", default=os.environ.get(SECRET_VARIABLE, ""))
        parser.add_argument("--status", type=_status, default=204, help="what genuine ones are answered with")
        parser.add_argument("--json", action="store_true", help="one JSON object a line, for programs")

    def handle(self, *, port: int, secret: str, status: int, json: bool, **_: Any) -> None:
        try:
            check_own_secret(secret)
        except UnusableSecret as error:
            self.stderr.write(f"--secret: {error}")
            raise SystemExit(2) from None
        server = ThreadingHTTPServer(("127.0.0.1", port), receiver(self, secret=secret, status=status, as_json=json))
        self.stderr.write(f"Receiving at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)")
        with server:
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                self.stderr.write("")


def receiver(command: BaseCommand, *, secret: str, status: int, as_json: bool) -> type[BaseHTTPRequestHandler]:
    """What answers each request: prints it with whether it is genuine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = min(int(self.headers.get("Content-Length") or 0), MOST_BYTES)
            body = self.rfile.read(size)
            reason = ""
            try:
                verify(body, dict(self.headers.items()), secret=secret, at=timezone.now())
            except NotGenuine as error:
                reason = str(error)
            self._say(body.decode(errors="replace"), reason)
            self.send_response(401 if reason else status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _say(self, body: str, reason: str) -> None:
            message_id = self.headers.get("webhook-id", "")
            if as_json:
                told = {"at": timezone.now().isoformat(), "path": self.path, "genuine": not reason, "reason": reason}
                command.stdout.write(json.dumps({**told, "id": message_id, "body": body}))
            else:
                verdict = f"NOT GENUINE ({reason})" if reason else "genuine"
                command.stdout.write(f"{self.path} {message_id or '(no id)'} {verdict}\n  {body}")
            command.stdout.flush()

        def log_message(self, *_: Any) -> None:
            """The command prints what there is to say."""

    return Handler


def _status(text: str) -> int:
    if not (text.isdecimal() and 200 <= int(text) <= 599):
        raise argparse.ArgumentTypeError(f"{text!r} is not a status from 200 to 599")
    return int(text)
