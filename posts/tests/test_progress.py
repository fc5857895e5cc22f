"""What a connector keeps between its calls: secrets of it are in no row, no API and no log in clear."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import Membership
from accounts.tests.factories import signed_in
from integrations.contract import Pending, Published
from integrations.models import SocialAccount
from integrations.platforms.mastodon.connector import MastodonConnector
from posts.engine.progress import SECRETS, DeliveryProgress
from posts.models import Delivery
from posts.queue.types import Save
from posts.tests.conftest import Connect
from posts.tests.test_outcomes import make_job
from posts.tests.test_publishing import publish, run_until_settled
from tests.world import Sandbox

SESSION = "https://upload.example.com/?upload_id=canary-session"


class Kept:
    """A mailbox that keeps what is saved."""

    def __init__(self) -> None:
        self.saves: list[Save] = []

    def save(self, save: Save) -> None:
        self.saves.append(save)

    @property
    def row(self) -> dict[str, Any]:
        return json.loads(json.dumps(self.saves[-1].progress))


def progress_of(mailbox: Kept, **stored: Any) -> DeliveryProgress:
    job = make_job("sending", progress=stored)
    return DeliveryProgress(job, mailbox, premarked_until=0.0, monotonic=lambda: 1.0)  # type: ignore[arg-type]


def test_secret_is_stored_encrypted_and_read_plain_by_a_successor() -> None:
    mailbox = Kept()
    progress = progress_of(mailbox)

    progress.save(offset=8)
    progress.save_secret(session=SESSION, key={"a": 1})
    progress.save(offset=16)

    assert "canary" not in json.dumps(mailbox.row)
    assert mailbox.row.keys() == {"offset", SECRETS}
    successor = progress_of(Kept(), **mailbox.row)
    assert successor.data == progress.data == {"offset": 16, "session": SESSION, "key": {"a": 1}}
    assert "canary" not in json.dumps(successor.stored)


def test_name_is_a_secret_or_not() -> None:
    mailbox = Kept()
    progress = progress_of(mailbox, session="plain")

    progress.save_secret(session=SESSION)
    as_secret = mailbox.row
    progress.save(session="")

    assert as_secret.keys() == {SECRETS}
    assert (mailbox.row, progress.data) == ({"session": ""}, {"session": ""})


def test_secret_of_a_lost_key_is_missing_and_the_rest_stays(settings: Settings) -> None:
    mailbox = Kept()
    progress_of(mailbox, offset=8).save_secret(session=SESSION)
    settings.ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]

    assert progress_of(Kept(), **mailbox.row).data == {"offset": 8}


@pytest.mark.django_db(transaction=True)
def test_no_row_and_no_answer_shows_it(
    sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    account: SocialAccount = connected()
    seen: list[Any] = []

    def begin(self: MastodonConnector, step: Any, *, progress: Any) -> Pending:
        progress.save_secret(session=SESSION)
        return Pending(datetime.now(UTC), {"offset": 8})

    def go_on(self: MastodonConnector, step: Any, *, progress: Any) -> Published | Pending:
        seen.append(dict(progress.data))
        with connection.cursor() as cursor:
            cursor.execute("SELECT progress FROM posts_delivery")
            seen.append(str(cursor.fetchone()[0]))
        connection.close()
        client: APIClient = signed_in(Membership.objects.get(workspace=account.workspace).user)
        seen.append(client.get(f"/api/v2/posts/{Delivery.objects.get().post_id}").content.decode())
        connection.close()
        return Published("1")

    monkeypatch.setattr(MastodonConnector, "publish", begin)
    monkeypatch.setattr(MastodonConnector, "resume", go_on)
    delivery = publish(account, is_one_step=False)

    run_until_settled(delivery)

    assert delivery.state == "published"
    assert seen[0] == {"session": SESSION, "offset": 8}
    assert not any("canary" in shown for shown in (*seen[1:], caplog.text, str(delivery.progress)))
