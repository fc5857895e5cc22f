"""Production refuses what is wrong, one line a fault, with what to do."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

from tests.checks import PRODUCTION

SETTINGS = Path(__file__).resolve().parent.parent / "settings.py"
WRONG: list[tuple[str, str, dict[str, str | None]]] = [
    ("E001", "JWT_SECRET_KEY", {"JWT_SECRET_KEY": None}),
    ("E001", "ENCRYPTION_KEY", {"ENCRYPTION_KEY": None}),
    ("E002", "JWT_SECRET_KEY_FILE", {"JWT_SECRET_KEY": None, "JWT_SECRET_KEY_FILE": "/nowhere/key"}),
    ("E003", "MASTABLASTA_MODE", {"MASTABLASTA_MODE": "prod"}),
    ("E003", "REGISTRATION_OPEN", {"REGISTRATION_OPEN": "maybe"}),
    ("E003", "PORT", {"PORT": "http"}),
    ("E003", "PORT", {"PORT": "70000"}),
    ("E003", "DB_POOL_MIN", {"DB_POOL_MIN": "40"}),
    ("E003", "MISSED_POST_POLICY", {"MISSED_POST_POLICY": "wait"}),
    ("E003", "LOG_FORMAT", {"LOG_FORMAT": "xml"}),
    ("E003", "MEDIA_SERVING", {"MEDIA_SERVING": "nginx"}),
    ("E003", "THROTTLE_RATES", {"THROTTLE_RATES": "user=fast"}),
    ("E003", "EMAIL_URL", {"EMAIL_URL": "mail.example.org:587"}),
    ("E003", "REDIS_URL", {"REDIS_URL": "127.0.0.1:6379"}),
    ("E003", "SENTRY_DSN", {"SENTRY_DSN": "https://sentry.example.org/1"}),
    ("E003", "AWS_S3_ENDPOINT_URL", {"AWS_S3_ENDPOINT_URL": "s3.example.org"}),
    ("E003", "ALLOWED_HOSTS", {"ALLOWED_HOSTS": "social.example.org,https://www.example.org"}),
    ("E003", "OUTBOUND_ALLOW_HOSTS", {"OUTBOUND_ALLOW_HOSTS": "*"}),
    ("E003", "TRUSTED_PROXIES", {"TRUSTED_PROXIES": "proxy.example.org"}),
    ("E005", "JWT_SECRET_KEY", {"JWT_SECRET_KEY": "too short"}),
    ("E005", "JWT_SECRET_KEY", {"JWT_SECRET_KEY": "change-me-to-something-of-32-characters-and-more"}),
    ("E005", "SECRET_KEY", {"SECRET_KEY": "abcdefghijklmnop"}),
    ("E005", "METRICS_TOKEN", {"METRICS_TOKEN": "prometheus"}),
    ("E005", "INSTANCE_ID", {"INSTANCE_ID": "production"}),
    ("E006", "ENCRYPTION_KEY", {"ENCRYPTION_KEY": "not a Fernet key"}),
    ("E006", "ENCRYPTION_KEY", {"ENCRYPTION_KEY": "A" * 43 + "="}),
    ("E007", "DATABASE_URL", {"DATABASE_URL": "mysql://root@127.0.0.1/mastablasta"}),
    ("E007", "DATABASE_URL", {"DATABASE_URL": "sqlite:////srv/db.sqlite3"}),
    ("E008", "DATABASE_URL", {"DATABASE_URL": None, "MASTABLASTA_MODE": "production"}),
    ("E009", "TIME_SCALE", {"TIME_SCALE": "0.25"}),
    ("E010", "JWT_SECRET_KEY", {"JWT_SECRET_KEY": PRODUCTION["ENCRYPTION_KEY"]}),
    ("E010", "ENCRYPTION_KEY_FILE", {"ENCRYPTION_KEY_FILE": "/run/secrets/key"}),
    ("E011", "PUBLIC_URL", {"PUBLIC_URL": "social.example.org", "ALLOWED_HOSTS": "127.0.0.1"}),
    ("E011", "PUBLIC_URL", {"PUBLIC_URL": "http://social.example.org"}),
    ("E012", "ALLOWED_HOSTS", {"ALLOWED_HOSTS": "*"}),
    ("E012", "ALLOWED_HOSTS", {"ALLOWED_HOSTS": "other.example.org"}),
    ("E012", "TRUSTED_PROXIES", {"TRUSTED_PROXIES": "0.0.0.0/0"}),
    ("E013", "WEBHOOK_ALLOW_PRIVATE", {"WEBHOOK_ALLOW_PRIVATE": "true"}),
    ("E013", "MASTODON_BASE_URL", {"MASTODON_BASE_URL": "http://127.0.0.1:33767/mastodon"}),
    ("E014", "META_APP_SECRET", {"META_APP_ID": "1234"}),
    ("E014", "AWS_SECRET_ACCESS_KEY", {"AWS_ACCESS_KEY_ID": "AKIA"}),
]


def faults(monkeypatch: pytest.MonkeyPatch, home: Path, changes: dict[str, str | None]) -> list[tuple[str, str, str]]:
    """What settings.py finds wrong with production when these settings differ; None = is not set."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    given = {**kept, **PRODUCTION, "MASTABLASTA_HOME": str(home), **changes}
    monkeypatch.setattr(os, "environ", {name: value for name, value in given.items() if value is not None})
    found = runpy.run_path(str(SETTINGS))["SETUP_FAULTS"]
    return [(one.id.removeprefix("mastablasta."), one.name, one.sentence) for one in found]


@pytest.mark.parametrize(("code", "name", "changes"), WRONG)
def test_wrong_setting_is_one_line_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, name: str, changes: dict[str, str | None]
) -> None:
    found = faults(monkeypatch, tmp_path, changes)

    assert [(one, setting) for one, setting, _ in found] == [(code, name)]
    said, remedy = found[0][2].split("; ", 1) if "; " in found[0][2] else (found[0][2], "in its sentence")
    assert said
    assert remedy
    assert "\n" not in found[0][2]


def test_right_settings_and_the_three_of_the_guide_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`openssl rand -hex 32` is how the guide makes JWT_SECRET_KEY."""
    alone = dict.fromkeys(PRODUCTION) | {
        "DATABASE_URL": "postgresql://localhost/mastablasta",
        "JWT_SECRET_KEY": "7f3a9c0e5b1d2846f0e7c3b59a6d184e2c70bf935de1a8460b7c9d52e3f41a86",
        "ENCRYPTION_KEY": PRODUCTION["ENCRYPTION_KEY"],
    }

    assert faults(monkeypatch, tmp_path, {}) == []
    assert faults(monkeypatch, tmp_path, alone) == []
