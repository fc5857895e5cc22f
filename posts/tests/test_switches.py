"""Pausing in Django admin: an account, a host, everything; and connecting an account again from there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.roles import Role
from accounts.tests.factories import BACKEND, make_membership, make_user
from integrations.models import GlobalPause, PlatformHost, SocialAccount
from integrations.services import circuits, oauth_connect
from integrations.services.signing_out import needs_reauth
from integrations.tests.factories import connect, make_account, make_host
from posts.engine import publisher
from posts.models import Delivery
from posts.queue import claims
from posts.tests.conftest import Connect
from posts.tests.factories import make_delivery
from posts.tests.test_triage import CANARY, OVERVIEW, client_of, stuck, text_of
from tests.kit.connector_contract import consent
from tests.kit.locks import somebody_waits
from tests.world import Sandbox

BLOCKED: dict[str, Any] = {"state": "blocked", "error_code": "account_waits", "error_message": "It waits."}


def staff(account: SocialAccount, role: Role) -> Client:
    person = make_user(has_staff_access=True)
    make_membership(person, account.workspace, role=role)
    client = Client()
    client.force_login(person, backend=BACKEND)
    return client


@pytest.mark.django_db
def test_what_cannot_publish_is_shown_with_what_waits_for_it() -> None:
    host = make_host(client_secret_enc=CANARY, info={"secret": CANARY})
    out = make_account(state="needs_reauth", state_reason="Signed out.", facts={"token": CANARY}, platform_host=host)
    paused, fine = make_account(), make_account()
    for account in (out, out, fine):
        stuck(account, **BLOCKED)
    SocialAccount.objects.filter(id=paused.id).update(state="paused")
    silent = make_host(host="silent.test", circuit_opened_at=timezone.now())

    client = client_of()
    page = client.get(OVERVIEW)
    theirs = staff(fine, Role.EDITOR).get(OVERVIEW)

    assert [(one.id, one.waiting, may) for one, may in page.context["accounts"]] == [
        (out.id, 2, True), (paused.id, 0, True)
    ]  # fmt: skip
    assert [one.id for one in page.context["hosts"]] == [silent.id]
    assert "Signed out." in text_of(page)
    assert f"/admin/triage/accounts/{out.id}/reconnect/" in page.content.decode()
    assert "All is well" in text_of(theirs)
    assert out.credential is not None
    secrets = (CANARY, str(out.credential.access_enc))
    for shown in (page, client.get("/admin/triage/platforms/"), client.get(f"/admin/triage/accounts/{out.id}/pause/")):
        assert [secret for secret in secrets if secret in shown.content.decode()] == []


@pytest.mark.django_db
def test_an_account_is_paused_and_goes_on_once_that_is_confirmed() -> None:
    account, other = make_account(), make_account()
    client = staff(account, Role.EDITOR)
    address = f"/admin/triage/accounts/{account.id}"

    asked = client.get(f"{address}/pause/")
    before = SocialAccount.objects.get(id=account.id).state
    client.post(f"{address}/pause/")
    paused = SocialAccount.objects.get(id=account.id).state
    client.post(f"{address}/resume/")

    assert "Its posts wait from now on" in text_of(asked)
    assert (before, paused, SocialAccount.objects.get(id=account.id).state) == ("active", "paused", "active")
    assert client.post(f"/admin/triage/accounts/{other.id}/pause/").status_code == 404
    assert staff(other, Role.VIEWER).post(f"/admin/triage/accounts/{other.id}/pause/").status_code == 403
    assert client.get(f"{address}/explode/").status_code == 404
    SocialAccount.objects.filter(id=account.id).update(state="needs_reauth")
    assert "has to be connected again" in text_of(client.post(f"{address}/resume/", follow=True))


@pytest.mark.django_db
def test_hosts_and_everything_are_switched_by_site_admins_alone() -> None:
    account, host, broken = make_account(), make_host(), make_host(host="broken.test", paused_at=timezone.now())
    editor, client = staff(account, Role.OWNER), client_of()
    one, all_ = f"/admin/triage/platforms/{host.id}", "/admin/triage/everything"
    for address in (f"{one}/pause/", f"{all_}/pause/", "/admin/triage/platforms/"):
        assert editor.post(address, {"reason": "x"}).status_code in {403, 405}
        assert client.get(address).status_code == 200
    assert "This field is required" in text_of(client.post(f"{all_}/pause/"))
    assert not GlobalPause.objects.exists()

    client.post(f"{one}/pause/", {"reason": "Repairs"})
    assert _paused() == {host.id: "Repairs", broken.id: ""}
    client.post(f"{one}/resume/")
    client.post(f"{all_}/pause/", {"reason": "Fire"})
    again = client.post(f"{all_}/pause/", {"reason": "Fire"}, follow=True)
    assert "Everything is paused already." in text_of(again)
    assert "is not paused by itself" in text_of(client.post(f"{one}/resume/", follow=True))
    assert _paused() == {host.id: "Everything is paused: Fire", broken.id: ""}
    assert "Everything is paused: Fire" in text_of(editor.get(OVERVIEW))
    client.post(f"{all_}/resume/")

    assert _paused() == {broken.id: ""}  # which is paused for a reason of its own


@pytest.mark.django_db
def test_pressed_again_it_pauses_what_goes_on() -> None:
    client = client_of()
    client.post("/admin/triage/everything/pause/", {"reason": "Fire"})
    host, broken = make_host(), make_host(host="broken.test", paused_at=timezone.now(), paused_reason="Repairs")

    again = client.post("/admin/triage/everything/pause/", {"reason": "Again"}, follow=True)

    assert "Everything is paused already." in text_of(again)
    assert _paused() == {host.id: "Everything is paused: Fire", broken.id: "Repairs"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time, who waits for nobody")
@pytest.mark.parametrize("switch", ["pause", "resume"])
def test_everything_is_switched_beside_a_drain_that_writes_of_several_hosts(switch: str) -> None:
    """The drain has the first of them when the switch wants both, and wants the other one then."""
    second, first = (make_host(id=UUID(int=number), host=f"{number}.test") for number in (2, 1))
    client, all_ = client_of(), "/admin/triage/everything"
    if switch == "resume":
        client.post(f"{all_}/pause/", {"reason": "Fire"})
    answers: list[Any] = []

    def press() -> None:
        try:
            answers.append(client.post(f"{all_}/{switch}/", {"reason": "Fire"}))
        finally:
            connection.close()

    with transaction.atomic():
        circuits.note_silence(first.id, calls=1, sends=0, accounts=[], at=timezone.now())
        presses = threading.Thread(target=press)
        presses.start()
        while not somebody_waits():
            assert presses.is_alive()
            time.sleep(0.01)
        circuits.note_silence(second.id, calls=1, sends=0, accounts=[], at=timezone.now())
    presses.join()

    assert [answer.status_code for answer in answers] == [302]
    assert set(_paused()) == ({first.id, second.id} if switch == "pause" else set())
    assert GlobalPause.objects.exists() == (switch == "pause")
    assert list(PlatformHost.objects.values_list("failures", flat=True)) == [1, 1]


def _paused() -> dict[Any, str]:
    return dict(PlatformHost.objects.exclude(paused_at=None).values_list("id", "paused_reason"))


@pytest.mark.django_db(transaction=True)
def test_while_everything_is_paused_nothing_goes_out_also_where_a_host_is_added(
    sandbox: Sandbox, connected: Connect
) -> None:
    client = client_of()
    client.post("/admin/triage/everything/pause/", {"reason": "Fire"})
    delivery = make_delivery(connected(afresh=True), due_at=timezone.now(), content="Later")

    publisher.drain(worker="w")
    stopped = (Delivery.objects.get().state, sandbox.posts())
    claims.unpark_lanes()
    publisher.drain(worker="w")
    assert (stopped, sandbox.posts()) == (("blocked", []), [])
    client.post("/admin/triage/everything/resume/")
    claims.unpark_lanes()
    publisher.drain(worker="w")

    assert [post["text"] for post in sandbox.posts()] == ["Later"]
    assert Delivery.objects.get(id=delivery.id).state == "published"


@pytest.mark.parametrize("platform", ["mastodon", "bluesky"])
@pytest.mark.django_db(transaction=True)
def test_an_account_is_connected_again_from_here(sandbox: Sandbox, platform: str) -> None:
    account = connect(sandbox, "anna", platform=platform)
    assert account.credential is not None
    needs_reauth(account.credential_id, reason="Signed out.", at=timezone.now(), version=account.credential.version)
    client = client_of()
    address = f"/admin/triage/accounts/{account.id}/reconnect/"
    assert "Signed out." in text_of(client.get(address))

    SIGN_IN[platform](client, address, sandbox)

    account.refresh_from_db()
    assert (account.state, SocialAccount.objects.count()) == ("active", 1)


def _by_redirect(client: Client, address: str, _: Sandbox) -> None:
    started = client.post(address)
    assert "no-store" in started.headers["Cache-Control"]  # the address that it shows works once
    back = consent(started.context["started"].url, "anna")
    oauth_connect.finish_connect(platform="mastodon", code=back["code"], state=back["state"], at=timezone.now())


def _by_password(client: Client, address: str, sandbox: Sandbox) -> None:
    person = sandbox.person("bluesky", "anna")
    wrong = client.post(address, {"handle": person["handle"], "app_password": "aaaa-bbbb-cccc-dddd"})
    assert (wrong.status_code, "aaaa-bbbb" in wrong.content.decode()) == (200, False)
    client.post(address, {"handle": person["handle"], "app_password": person["app_password"]})


SIGN_IN: dict[str, Callable[[Client, str, Sandbox], None]] = {"mastodon": _by_redirect, "bluesky": _by_password}
