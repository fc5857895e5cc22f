"""E-mail: written into the database with what it is about, sent by a worker, so that no request waits for a server.

Without EMAIL_URL nothing is sent and callers find another way (`is_on`). A server that is down or refuses costs a line
in the log and another try later, until the mail is of no use any more; Django admin lists what waits and why.
"""

from __future__ import annotations

import smtplib
import time
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.utils import timezone

from mastablasta.core import holds, jobs
from mastablasta.core.crypto import Undecryptable
from mastablasta.core.models import Mail

TASK = "mastablasta.core.mail.send_due"
AT_ONCE, LONGEST_RUN_S = 200, 60.0  # a task may take 120 s, and a slow server EMAIL_TIMEOUT for each
CLAIMED_FOR = timedelta(minutes=5)
FIRST_WAIT_S, LONGEST_WAIT_S = 30, 3_600
FOR_GOOD = 500  # https://datatracker.ietf.org/doc/html/rfc5321#section-4.2.1 (read 2026-11-29): trying again is no use
KEPT_FOR = timedelta(days=30)
log = structlog.get_logger(__name__)


def is_on() -> bool:
    """Whether this instance sends e-mail."""
    return bool(settings.EMAIL_URL)


def trouble() -> str:
    """What keeps mail from going out, in a sentence that names no secret; "" = nothing. It asks the server."""
    server = get_connection()
    try:
        server.open()
        server.close()
    except OSError as error:  # of which smtplib's own are kinds
        return f"The server of EMAIL_URL does not take mail ({type(error).__name__}: {error})."
    failing = Mail.objects.filter(next_try_at__isnull=False).exclude(error="").order_by("-created_at").first()
    return f"Mail waits for another try ({failing.error})." if failing else ""


def write(recipient: str, template: str, context: dict[str, Any], *, at: datetime, expires_at: datetime) -> Mail:
    """Write an e-mail from `templates/emails/<template>.txt`, whose first line is its subject.

    It goes out once the current transaction commits, and is tried until `expires_at`. `recipient` "": to nobody.
    """
    subject, _, text = render_to_string(f"emails/{template}.txt", context).strip().partition("\n")
    written = Mail.objects.create(
        recipient=recipient,
        subject=" ".join(subject.split())[:200],
        text_enc=text.strip() + "\n",
        next_try_at=at,
        expires_at=expires_at,
    )
    jobs.enqueue(TASK)
    return written


def send_due() -> None:
    """The task: send what is due. A server that does not answer ends the run; a held instance sends nothing."""
    if holds.is_held():
        return
    at, ends_at = timezone.now(), time.monotonic() + LONGEST_RUN_S
    server = get_connection()
    try:
        for mail in Mail.objects.due(at)[:AT_ONCE]:
            if time.monotonic() > ends_at:
                return
            if Mail.objects.claim(mail, until=at + CLAIMED_FOR) and not _try(mail, server):
                return
    finally:
        server.close()


def _try(mail: Mail, server: Any) -> bool:
    """Send one, and write what came of it; False = the server does not answer."""
    if not mail.recipient or mail.expires_at <= timezone.now():
        _end(mail, sent_at=None, error=mail.error or "It was not sent in time.")
        return True
    try:
        message = EmailMessage(mail.subject, str(mail.text_enc), to=[mail.recipient], connection=server)
        server.open()
        message.send()
    except Undecryptable as error:
        _give_up(mail, str(error))
    except smtplib.SMTPRecipientsRefused as error:
        is_for_good = all(code >= FOR_GOOD for code, _ in error.recipients.values())
        if is_for_good:
            _give_up(mail, str(error))
        else:
            _put_off(mail, error)
    except OSError as error:  # of which smtplib's own are kinds, and a certificate that is not believed
        _put_off(mail, error)
        return False
    except ValueError as error:  # as of a domain that IDNA cannot write
        _give_up(mail, f"No mail can be written to this address ({error}).")
    else:
        _end(mail, sent_at=timezone.now(), error="")
    return True


def _end(mail: Mail, *, sent_at: datetime | None, error: str) -> None:
    if not mail.recipient:
        Mail.objects.filter(pk=mail.pk).delete()
        return
    Mail.objects.filter(pk=mail.pk).update(next_try_at=None, text_enc=None, sent_at=sent_at, error=error[:300])


def _give_up(mail: Mail, error: str) -> None:
    log.warning("mail_given_up", mail=str(mail.pk), error=error)
    _end(mail, sent_at=None, error=error)


def _put_off(mail: Mail, error: Exception) -> None:
    said = f"{type(error).__name__}: {error}"
    wait_s = min(FIRST_WAIT_S * 2**mail.tries, LONGEST_WAIT_S)
    log.warning("mail_not_sent", mail=str(mail.pk), tries=mail.tries + 1, error=said)
    Mail.objects.filter(pk=mail.pk).update(next_try_at=timezone.now() + timedelta(seconds=wait_s), error=said[:300])


def prune(*, at: datetime) -> None:
    """Forget what has ended long ago."""
    Mail.objects.filter(next_try_at=None, created_at__lt=at - KEPT_FOR).delete()
