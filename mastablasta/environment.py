"""What the environment says: settings, secrets from files, secrets made once for development.

Used by settings.py, and by manage.py before these are read. Faults are collected, not raised, so that `manage.py check`
can name all of them at once (mastablasta/checks.py turns them into E0NN errors).
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import environ

RATE = re.compile(r"[1-9]\d{0,8}/(s|sec|m|min|h|hour|d|day)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the set-up: `NAME: what is wrong; what to do`."""

    id: str
    name: str
    sentence: str


@dataclass(slots=True)
class Environment:
    """Reads settings by name; `NAME_FILE` names a file that holds the value (one trailing newline is dropped)."""

    source: dict[str, str]
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def of(cls, base_dir: Path) -> Environment:
        """That of this process, and what `.env` in `base_dir` adds to it."""
        if (base_dir / ".env").is_file():
            environ.Env.read_env(base_dir / ".env")
        return cls(dict(os.environ))

    def home(self, base_dir: Path) -> Path:
        """The folder of the instance, which MASTABLASTA_HOME names."""
        return Path(self.text("MASTABLASTA_HOME") or base_dir / "var").resolve()

    def text(self, name: str, default: str = "") -> str:
        path = self.source.get(f"{name}_FILE")
        if path and name not in self.source:
            try:
                return Path(path).read_text().removesuffix("\n")
            except OSError as error:
                self.fault("E002", f"{name}_FILE", f"cannot be read ({error.strerror}); name a readable file")
                return default
        return self.source.get(name, default)

    def number(self, name: str, default: int, *, at_least: int = 0) -> int:
        raw = self.text(name)
        if raw == "":
            return default
        try:
            value = int(raw)
        except ValueError:
            value = at_least - 1
        if value < at_least:
            sentence = f"{raw!r} is not a whole number of at least {at_least}; correct it or leave it out"
            self.fault("E003", name, sentence)
            return default
        return value

    def fraction(self, name: str, default: float) -> float:
        """A number above 0 and not above 1."""
        raw = self.text(name)
        if raw == "":
            return default
        try:
            value = float(raw)
        except ValueError:
            value = 0.0
        if not 0 < value <= 1:
            self.fault("E003", name, f"{raw!r} is not a number above 0 and up to 1; correct it or leave it out")
            return default
        return value

    def flag(self, name: str, default: bool) -> bool:
        raw = self.text(name).lower()
        if raw == "":
            return default
        if raw in {"1", "true", "yes", "on"}:
            return True
        if raw not in {"0", "false", "no", "off"}:
            self.fault("E003", name, f"{raw!r} is neither true nor false; say true or false")
            return default
        return False

    def items(self, name: str) -> list[str]:
        return [item.strip() for item in self.text(name).split(",") if item.strip()]

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        raw = self.text(name)
        if raw in choices:
            return raw
        if raw:
            self.fault("E003", name, f"{raw!r} is not known; valid: {', '.join(choices)}")
        return default

    def networks(self, name: str, items: list[str]) -> list[str]:
        """Those of `items` that are addresses or networks of IP; any other is a fault."""
        found = []
        for item in items:
            try:
                ipaddress.ip_network(item, strict=False)
            except ValueError:
                self.fault("E003", name, f"{item!r} is not an address or network; write 10.0.0.5 or 10.0.0.0/8")
            else:
                found.append(item)
        return found

    def rates(self, name: str, items: list[str], usual: dict[str, str], *, is_on: bool) -> dict[str, str]:
        """Limits by name, as `600/min`: the usual ones where `is_on`, changed by `items` ("user=900/min", "user=off").

        "on" and "off" alone mean all of the usual ones, and none.
        """
        found = dict(usual) if is_on or items == ["on"] else {}
        if items in (["on"], ["off"]):
            return found if items == ["on"] else {}
        for item in items:
            limit, _, rate = (part.strip() for part in item.partition("="))
            if limit in usual and rate == "off":
                found.pop(limit, None)
            elif limit in usual and RATE.fullmatch(rate):
                found[limit] = rate
            else:
                known = ", ".join(usual)
                sentence = f"{item!r} is not a limit; write user=600/min or user=off (there are {known}), or off"
                self.fault("E003", name, sentence)
        return found

    def fault(self, id: str, name: str, sentence: str) -> None:
        self.faults.append(Fault(f"mastablasta.{id}", name, sentence))


def carry_home(base_dir: Path) -> None:
    """Have the environment with which this process was started name MASTABLASTA_HOME: by it a runner knows its own.

    What a process adds to its environment later, others cannot read; so where it is missing, Python starts again.
    """
    os.environ["SPT_NOENV"] = "1"  # else setproctitle, once imported, writes over what others can read
    given = os.environ.get("MASTABLASTA_HOME")
    home = str(Environment.of(base_dir).home(base_dir))
    if given != home:
        os.environ["MASTABLASTA_HOME"] = home
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  ourselves


def fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


SECRETS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "JWT_SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "ENCRYPTION_KEY": fernet_key,
}


def development_secrets(home: Path) -> dict[str, str]:
    """Return the secrets of this instance; made on first use in `home`/secrets.json (mode 0600; the folder 0700).

    Safe for several processes that start at once: the first to link its file wins, all read that one.
    Raises OSError when `home` cannot be written.
    """
    path = home / "secrets.json"
    if not path.exists():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = home / f".secrets-{os.getpid()}-{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({name: make() for name, make in SECRETS.items()}, file, indent=1)
        try:
            os.link(draft, path)
        except FileExistsError:
            return development_secrets(home)
        finally:
            draft.unlink()
    found: dict[str, str] = json.loads(path.read_text())
    return found


def private_file(path: Path) -> Path:
    """Make an empty file that nobody else on this machine may read, unless one is there; gives `path` back."""
    with suppress(OSError):  # it is there, or cannot be made: whoever needs it tells of that
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return path
