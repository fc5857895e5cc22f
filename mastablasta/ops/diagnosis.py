"""What `manage.py doctor` examines: each thing one line, with what to do where it is not as it should be."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection
from django.utils import timezone

from integrations import registry
from integrations.services.hosts import redirect_uri_of
from integrations.services.operator_apps import operators_app
from mastablasta.checks import SETUP
from mastablasta.core import holds, jobs, mail
from mastablasta.ops import backups, health

REMEDIES = {
    "database": "start the database, or correct DATABASE_URL",
    "migrations": "run `manage.py migrate`",
    "storage": "make MEDIA_ROOT writable",
    "worker": "start `manage.py run_worker`, or `manage.py up`",
    "clock": "start `manage.py run_clock`, or `manage.py up`",
    "due_work": "look at the log of the workers; meanwhile `manage.py publish_due` publishes by hand",
    "webhooks": "start `manage.py run_worker`, or `manage.py up`; meanwhile `manage.py deliver_webhooks` sends by hand",
    "analytics": "start `manage.py run_worker`, or `manage.py up`; meanwhile use `manage.py collect_analytics`",
    "oauth": "ENCRYPTION_KEY must still hold the key that the stored tokens were encrypted with",
    "e-mail": "correct EMAIL_URL, or start its server; Django admin lists the mail that waits",
    "connections": "lower DB_POOL_MAX, or raise max_connections of the database",
    "broker": "start Redis, or correct REDIS_URL; without REDIS_URL the queue is in the database",
    "clock skew": "let both hosts take their time from NTP (`timedatectl set-ntp true`)",
    "newest backup": "run `manage.py backup --keep 14` each night (deploy/systemd/mastablasta-backup.timer)",
}
PERSISTENT = 4  # connections of a worker or clock process group
LEAST_FREE_BYTES = 1_000_000_000
LEAST_FREE_INODES = 0.02  # of all; a disk without any takes no file, however many bytes are free
SKEW_S, WORST_SKEW_S = 1.0, 30.0  # a clock rings a second ahead; beyond half a minute tokens and leases are wrong
OLD_BACKUP = timedelta(hours=36)
LEAST_VERSION = 14  # of PostgreSQL


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at. `level`: ok, doubt or fault. `remedy`: what to do, "" when it is well."""

    level: str
    subject: str
    sentence: str
    remedy: str = ""


def examine() -> list[Diagnosis]:
    """Look at everything; asks nobody but the database, the queue, the storage and the mail server."""
    found = [*_setup(), *_probes()]
    if not any(one.subject in {"database", "migrations"} and one.level == "fault" for one in found):
        looks: tuple[Callable[[], Iterator[Diagnosis]], ...] = (_hold, _server, _connections, _broker, _skew)
        found += [one for look in looks for one in _told(look)]
    return [*found, *_disks(), *_rights(), *_platforms(), *_backup(), _mail()]


def _told(look: Callable[[], Iterator[Diagnosis]]) -> list[Diagnosis]:
    try:
        return list(look())
    except DatabaseError as error:
        return [Diagnosis("fault", look.__name__.strip("_"), f"It cannot be asked ({type(error).__name__}).")]


def _setup() -> list[Diagnosis]:
    messages = checks.run_checks(tags=[SETUP], include_deployment_checks=True)
    return [
        Diagnosis("fault" if message.is_serious() else "doubt", message.id or "check", message.msg)
        for message in messages
    ] or [Diagnosis("ok", "settings", f"Complete, for {settings.MODE}.")]


def _probes() -> list[Diagnosis]:
    probes = {**health.READY, **{name: health.STATUS[name] for name in ("oauth", "webhooks", "analytics")}}
    found = []
    for name, finding in health.findings(probes).items():
        remedy = "" if finding.ok or finding is health.NOT_ASKED else REMEDIES[name]
        found.append(Diagnosis("ok" if finding.ok else "fault", name, finding.detail, remedy))
    return found


def _hold() -> Iterator[Diagnosis]:
    hold = holds.current_hold()
    if hold is None:
        yield Diagnosis("ok", "instance", "It may send from this database.")
    else:
        yield Diagnosis("fault", "instance", f"{hold.reason} Nothing is sent.", holds.REMEDY)


def _server() -> Iterator[Diagnosis]:
    """The version of the server."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone()
    if int(version.partition(".")[0]) < LEAST_VERSION:
        remedy = f"update it to PostgreSQL {LEAST_VERSION} or newer"
        yield Diagnosis("fault", "server", f"PostgreSQL {version} is too old.", remedy)
    else:
        yield Diagnosis("ok", "server", f"PostgreSQL {version}.")


def _connections() -> Iterator[Diagnosis]:
    """What all processes of one host may open, against what the server allows."""
    if connection.vendor != "postgresql":
        return
    needed = settings.DB_POOL_MAX + 2 * PERSISTENT + settings.Q_CLUSTER["workers"]
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        allowed = int(cursor.fetchone()[0])
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        (open_now,) = cursor.fetchone()
    sentence = f"This host may open {needed} of the {allowed} that the database allows; {open_now} are open now."
    if needed <= 0.9 * allowed:
        yield Diagnosis("ok", "connections", sentence)
    else:
        yield Diagnosis("doubt", "connections", sentence, REMEDIES["connections"])


def _broker() -> Iterator[Diagnosis]:
    where = "Redis" if settings.REDIS_URL else "The database"
    try:
        waiting = sum(jobs.waiting().values())
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001  whatever a client of Redis raises
        yield Diagnosis("fault", "broker", f"{where} does not take tasks ({type(error).__name__}).", REMEDIES["broker"])
    else:
        yield Diagnosis("ok", "broker", f"{where} holds the queue; {waiting} tasks wait in it.")


def _skew() -> Iterator[Diagnosis]:
    """Of our clock to the database's, which all hosts share."""
    if connection.vendor != "postgresql":
        return
    began = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        (theirs,) = cursor.fetchone()
    off_s = abs(float(theirs) - (began + time.time()) / 2)
    sentence = f"This host's clock is {off_s:.1f} s off the database's."
    level = "fault" if off_s > WORST_SKEW_S else "doubt" if off_s > SKEW_S else "ok"
    yield Diagnosis(level, "clock skew", sentence, "" if level == "ok" else REMEDIES["clock skew"])


def _folders() -> dict[str, Path]:
    """The folders that this host writes to, by setting."""
    folders = {"MASTABLASTA_HOME": settings.HOME, "BACKUP_DIR": settings.BACKUP_DIR}
    if not settings.AWS_STORAGE_BUCKET_NAME:
        folders["MEDIA_ROOT"] = settings.MEDIA_ROOT
    if settings.LOG_FILE:
        folders["LOG_FILE"] = Path(settings.LOG_FILE).parent
    return folders


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that is there."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _disks() -> Iterator[Diagnosis]:
    """Free bytes and inodes, once a disk."""
    seen: dict[int, str] = {}
    for name, folder in _folders().items():
        place = _nearest(folder)
        device = place.stat().st_dev
        if device in seen:
            continue
        seen[device] = name
        free, inodes = shutil.disk_usage(place).free, os.statvfs(place)
        least = max(LEAST_FREE_BYTES, 2 * settings.MEDIA_RESERVE_BYTES)
        share = inodes.f_favail / inodes.f_files if inodes.f_files else 1.0
        sentence = f"{free / 1e9:.1f} GB and {share:.0%} of the inodes are free."
        if free < least or share < LEAST_FREE_INODES:
            remedy = f"make room on the disk of {folder}, or move {name} to a larger one"
            yield Diagnosis("fault", f"disk of {name}", sentence, remedy)
        else:
            yield Diagnosis("ok", f"disk of {name}", sentence)


def _rights() -> Iterator[Diagnosis]:
    wrong = [
        (name, folder) for name, folder in _folders().items() if not os.access(_nearest(folder), os.W_OK | os.X_OK)
    ]
    for name, folder in wrong:
        yield Diagnosis("fault", name, f"{folder} cannot be written.", f"chown it to this user, or set {name}")
    if not wrong:
        yield Diagnosis("ok", "write rights", f"{', '.join(_folders())} can be written.")


def _platforms() -> Iterator[Diagnosis]:
    """Our apps at the platforms; what is registered there is shown, since nobody can ask for it."""
    for slug in registry.built():
        entry, label = registry.PLATFORMS[slug], registry.PLATFORMS[slug].label
        apps = [(one, operators_app(slug, one.name)) for one in entry.sign_ins]
        half = [name for one, _ in apps for name in _half_set(one.app_settings)]
        if half:
            yield Diagnosis("fault", slug, f"{label} cannot be connected: {half[0]} is not set.", f"set {half[0]}")
        elif all(app is not None and not app.client_id for _, app in apps):
            yield Diagnosis("ok", slug, f"{label} is not set up ({apps[0][0].app_settings[0]}).")  # type: ignore[index]
        elif any(app for _, app in apps):
            yield Diagnosis(
                "ok", slug, f"Set up; redirect URI to be registered there: {redirect_uri_of(slug)}{_end(slug)}"
            )
        else:
            yield Diagnosis("ok", slug, f"Set up; nothing is to be registered there{_end(slug)}")


def _half_set(names: tuple[str, str] | None) -> list[str]:
    """The one of an app's two settings that is missing while the other is there."""
    if names is None:
        return []
    missing = [name for name in names if not getattr(settings, name)]
    return missing if len(missing) == 1 else []


def _end(slug: str) -> str:
    """Until when the platform takes the version of its API that we call; W005 warns ahead."""
    version = registry.capabilities(slug).api_version
    return f"; its API {version.name} is taken until {version.last_day}." if version else "."


def _backup() -> Iterator[Diagnosis]:
    found = backups.newest(settings.BACKUP_DIR)
    if found is None:
        level, sentence = "doubt", f"There is none in {settings.BACKUP_DIR}."
    else:
        age = timezone.now() - found[1]
        level = "doubt" if age > OLD_BACKUP else "ok"
        sentence = f"{found[0].name}, {age / timedelta(hours=1):.0f} hours old."
    if settings.IS_DEVELOPMENT:
        level = "ok"
    yield Diagnosis(level, "newest backup", sentence, "" if level == "ok" else REMEDIES["newest backup"])


def _mail() -> Diagnosis:
    if not mail.is_on():
        sentence = "EMAIL_URL is not set: invitations are links to hand over, passwords are set by changepassword."
        return Diagnosis("ok", "e-mail", sentence)
    try:
        trouble = mail.trouble()
    except DatabaseError:
        trouble = ""  # the probes say so
    return (
        Diagnosis("doubt", "e-mail", trouble, REMEDIES["e-mail"])
        if trouble
        else Diagnosis("ok", "e-mail", "It goes out.")
    )
