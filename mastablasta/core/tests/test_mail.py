"""E-mail goes out by a worker; a server that is down or refuses costs nobody a request, and is told."""

from __future__ import annotations

import io
import json
import smtplib
import ssl
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail as outbox
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from structlog.testing import capture_logs

from mastablasta.core import mail
from mastablasta.core.models import Mail
from mastablasta.environment import fernet_key
from tests.ports import free_port

pytestmark = pytest.mark.django_db


class Unbelieved(EmailBackend):
    """A server whose certificate has run out; Python's error is an OSError and a ValueError."""

    def open(self) -> bool:
        raise ssl.SSLCertVerificationError("certificate has expired")


class Refusing(EmailBackend):
    """A server that does not know one of the addresses."""

    def send_messages(self, messages: Any) -> int:
        if "nobody@example.test" in messages[0].to:
            raise smtplib.SMTPRecipientsRefused({"nobody@example.test": (550, b"unknown user")})
        return super().send_messages(messages)


def write(recipient: str = "ada@example.test", *, hours: int = 1) -> Mail:
    at = timezone.now()
    shown = {"email": recipient, "link": "https://social.example/x?token=secret", "address": "https://social.example"}
    return mail.write(recipient, "password_reset", shown, at=at, expires_at=at + timedelta(hours=hours))


@pytest.fixture
def dead_server(settings: Any) -> None:
    settings.EMAIL_URL, settings.EMAIL_BACKEND = "smtp://mail.example", "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()


def test_mail_goes_out_once_and_its_text_is_forgotten():
    written = write()
    with connection.cursor() as cursor:
        cursor.execute("SELECT text_enc FROM core_mail")
        stored = bytes(cursor.fetchone()[0])

    mail.send_due()
    mail.send_due()

    (sent,) = outbox.outbox
    assert (sent.to, sent.subject) == (["ada@example.test"], "Choose a new password")
    assert "https://social.example/x?token=secret" in sent.body
    assert b"secret" not in stored
    written.refresh_from_db()
    assert (written.text_enc, written.next_try_at, written.error) == (None, None, "")
    assert written.sent_at is not None


def test_dead_server_is_tried_again_with_growing_waits_until_it_is_no_use(dead_server):
    with time_machine.travel("2030-01-31T09:00:00Z", tick=False) as clock, capture_logs() as lines:
        written, waits = write(), []
        for _ in range(3):
            mail.send_due()
            written.refresh_from_db()
            waits.append((written.next_try_at - timezone.now()).total_seconds())
            clock.move_to(written.next_try_at)
        clock.shift(timedelta(hours=1))
        mail.send_due()

    assert waits == [30, 60, 120]
    assert {line["event"] for line in lines if line["log_level"] == "warning"} == {"mail_not_sent"}
    written.refresh_from_db()
    assert (written.next_try_at, written.sent_at, written.text_enc) == (None, None, None)
    assert written.error.startswith("ConnectionRefusedError")


def test_server_whose_certificate_is_not_believed_is_tried_again(settings):
    settings.EMAIL_BACKEND = f"{__name__}.Unbelieved"
    written = write()

    mail.send_due()

    written.refresh_from_db()
    assert "certificate has expired" in written.error
    assert written.next_try_at > timezone.now()


def test_one_address_that_is_refused_holds_nobody_up(settings):
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    refused, sent = write("nobody@example.test"), write()

    mail.send_due()

    refused.refresh_from_db()
    sent.refresh_from_db()
    assert "unknown user" in refused.error
    assert (refused.sent_at, refused.next_try_at, sent.sent_at is None) == (None, None, False)


def test_mail_whose_key_is_lost_holds_nobody_up(settings):
    lost = write()
    settings.ENCRYPTION_KEYS = [fernet_key()]
    write("bob@example.test")

    mail.send_due()

    lost.refresh_from_db()
    assert (lost.next_try_at, "ENCRYPTION_KEY does not hold" in lost.error) == (None, True)
    assert [sent.to for sent in outbox.outbox] == [["bob@example.test"]]


def test_address_that_no_mail_can_be_written_to_holds_nobody_up():
    """A name that EmailField takes, but that is too long as IDNA writes it."""
    unwritable, sent = write(f"ada@{'ä' * 60}.example"), write()

    mail.send_due()

    unwritable.refresh_from_db()
    assert (unwritable.sent_at, unwritable.next_try_at, "idna" in unwritable.error) == (None, None, True)
    assert unwritable.error.startswith("No mail can be written to this address")
    assert [one.to for one in outbox.outbox] == [[sent.recipient]]


def test_mail_that_another_worker_has_is_left_alone():
    written = write()
    assert Mail.objects.claim(written, until=timezone.now() + timedelta(minutes=5))

    assert not Mail.objects.claim(written, until=timezone.now())
    mail.send_due()

    assert outbox.outbox == []


def test_doctor_says_what_keeps_mail_from_going_out(dead_server):
    out = io.StringIO()

    with pytest.raises(SystemExit):  # for want of a worker
        call_command("doctor", "--json", stdout=out)

    (found,) = [row for row in json.loads(out.getvalue())["findings"] if row["subject"] == "e-mail"]
    assert found["level"] == "doubt"
    assert found["sentence"].startswith("The server of EMAIL_URL does not take mail (ConnectionRefusedError")
    assert found["remedy"]


def test_old_mail_is_forgotten():
    with time_machine.travel(timezone.now() - timedelta(days=31), tick=False):
        write()
        mail.send_due()
    write()

    mail.prune(at=timezone.now())

    assert Mail.objects.count() == 1
