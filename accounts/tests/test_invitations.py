"""Invitations: offered, handed over or sent, accepted once, by the API and at a page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail as outbox
from django.test import Client, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey, Invitation, Membership, User, Workspace
from accounts.roles import Role
from accounts.services import invitations
from accounts.tests.factories import make_invitation, make_member, make_user, make_workspace, signed_in, with_key
from accounts.tests.test_races import at_once
from mastablasta.core.mail import send_due
from mastablasta.core.models import Mail
from mastablasta.core.tests.answers import assert_problem, one

ACCEPT, REGISTER = "/api/v2/invitations/accept", "/api/v2/auth/register"
BACKEND = "django.contrib.auth.backends.ModelBackend"
pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace(owner=make_user(name="Ada", email="ada@example.test"), name="Press office")


@pytest.fixture
def ada(workspace) -> APIClient:
    return signed_in(workspace.members.get(name="Ada"))


def address(workspace: Workspace, invitation: str = "") -> str:
    return f"/api/v2/workspaces/{workspace.id}/invitations" + (f"/{invitation}" if invitation else "")


def token_in(text: str) -> str:
    found = re.search(r"/invitation\?token=([\w-]+)", text)
    assert found is not None
    return found[1]


def accept(user: User, token: str) -> Any:
    return signed_in(user).post(ACCEPT, {"token": token})


def role_of(user: User, workspace: Workspace) -> str | None:
    return Membership.objects.filter(user=user, workspace=workspace).values_list("role", flat=True).first()


def test_link_is_shown_once_and_whoever_has_it_joins_once(workspace, ada, settings):
    settings.PUBLIC_URL = "https://social.example"
    bob, eve = make_user(), make_user()

    made = ada.post(address(workspace), {"email": "Bob@Example.TEST", "role": "admin"})

    body = made.json()
    invitation = Invitation.objects.get()
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert body["link"].startswith("https://social.example/invitation?token=")
    assert (body["email"], body["role"], body["id"]) == ("bob@example.test", "admin", str(invitation.id))
    listed = ada.get(address(workspace)).json()
    assert listed["invitations"] == [{name: value for name, value in body.items() if name != "link"}]
    assert token_in(body["link"]) not in str(Invitation.objects.values().get())
    joined = accept(bob, token_in(body["link"]))
    assert (joined.status_code, joined.json()["id"], joined.json()["role"]) == (200, str(workspace.id), "admin")
    assert accept(bob, token_in(body["link"])).json() == joined.json()  # sent again
    sentence = "This invitation was accepted already; ask for another one."
    fault = one("token", "invitation_used", sentence)
    assert_problem(accept(eve, token_in(body["link"])), 400, "invitation_used", f"token: {sentence}", [fault])
    assert (role_of(bob, workspace), role_of(eve, workspace)) == ("admin", None)
    assert ada.get(address(workspace)).json()["total"] == 0


def test_who_accepted_and_left_is_not_let_in_again(workspace):
    bob = make_user()
    _, token = make_invitation(workspace)
    accept(bob, token)
    Membership.objects.filter(user=bob).delete()

    assert accept(bob, token).json()["code"] == "invitation_used"


@pytest.mark.parametrize(
    ("ended", "code"),
    [
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "invitation_expired"),
        ({"withdrawn_at": timezone.now()}, "invitation_withdrawn"),
        ({"accepted_at": timezone.now()}, "invitation_used"),
        ("workspace", "invitation_withdrawn"),
        ("unknown", "invitation_invalid"),
    ],
)
def test_invitation_that_has_ended_lets_nobody_in(workspace, ended, code):
    _, token = make_invitation(workspace, **(ended if isinstance(ended, dict) else {}))
    if ended == "workspace":
        Workspace.objects.filter(pk=workspace.pk).update(deleted_at=timezone.now())
    token = "x" * 43 if ended == "unknown" else token
    bob = make_user()

    by_api, registering = accept(bob, token), register("grace@example.test", token)
    page = Client().get(f"/invitation?token={token}")

    assert (by_api.status_code, by_api.json()["code"]) == (400, code)
    assert [(error["field"], error["code"]) for error in registering.json()["errors"]] == [("invitation", code)]
    assert (page.status_code, code in page.content.decode()) == (400, True)
    assert role_of(bob, workspace) is None
    assert not User.objects.filter(email="grace@example.test").exists()


def test_withdrawing_ends_it_and_inviting_again_ends_the_earlier_one(workspace, ada):
    first, second = (ada.post(address(workspace), {"email": "bob@example.test"}).json() for _ in range(2))

    assert accept(make_user(), token_in(first["link"])).json()["code"] == "invitation_withdrawn"
    assert ada.delete(address(workspace, second["id"])).status_code == 204
    assert accept(make_user(), token_in(second["link"])).json()["code"] == "invitation_withdrawn"
    _, token = make_invitation(workspace)
    accept(make_user(), token)
    used = Invitation.objects.exclude(accepted_at=None).get()
    assert ada.delete(address(workspace, str(used.id))).json()["code"] == "invitation_used"


def test_invitation_of_another_workspace_is_not_withdrawn_here(workspace, ada):
    foreign, _ = make_invitation(make_workspace())

    assert ada.delete(address(workspace, str(foreign.id))).status_code == 404
    assert Invitation.objects.get().withdrawn_at is None


@pytest.mark.parametrize(
    ("own", "role", "status"), [("admin", "owner", 403), ("admin", "admin", 201), ("owner", "owner", 201)]
)
def test_nobody_invites_above_themself(workspace, own, role, status):
    answer = signed_in(make_member(workspace, role=Role(own))).post(
        address(workspace), {"email": "bob@example.test", "role": role}
    )

    assert answer.status_code == status
    assert answer.json().get("code") == (None if status == 201 else "role_too_high")


def test_member_is_not_invited_and_a_stranger_is_like_anybody(workspace, ada):
    member, registered = make_member(workspace), make_user()

    assert ada.post(address(workspace), {"email": member.email}).json()["code"] == "already_member"
    answers = [ada.post(address(workspace), {"email": email}) for email in (registered.email, "nobody@example.test")]
    assert [(answer.status_code, set(answer.json())) for answer in answers] == [(201, set(answers[0].json()))] * 2


def test_member_keeps_an_invitation_unused(workspace):
    _, token = make_invitation(workspace, role=Role.OWNER)

    answer = accept(make_member(workspace, role=Role.VIEWER), token)

    assert (answer.status_code, answer.json()["code"]) == (409, "already_member")
    assert Invitation.objects.get().accepted_at is None


def test_so_many_are_invited_a_day_into_one_workspace_or_by_one_person(workspace, monkeypatch):
    monkeypatch.setattr(invitations, "MOST_A_DAY", 2)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = signed_in(workspace.members.get())
        answers = [client.post(address(workspace), {"email": f"{n}@example.test"}) for n in range(3)]
        other = make_workspace(owner=workspace.members.get())
        elsewhere = client.post(address(other), {"email": "4@example.test"})
        clock.shift(timedelta(seconds=int(answers[2].headers["Retry-After"])))
        later = signed_in(workspace.members.get()).post(address(workspace), {"email": "3@example.test"})

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2].json()["code"] == elsewhere.json()["code"] == "too_many_invitations"
    assert later.status_code == 201


def test_invitation_goes_out_by_email_and_the_answer_has_no_link(
    workspace, ada, settings, django_capture_on_commit_callbacks
):
    settings.EMAIL_URL = "smtp://mail.example"

    with django_capture_on_commit_callbacks(execute=True):
        body = ada.post(address(workspace), {"email": "bob@example.test"}).json()
    written = Mail.objects.get()
    send_due()

    assert body["link"] is None
    assert written.text_enc is not None
    (sent,) = outbox.outbox
    assert (sent.to, sent.subject) == (["bob@example.test"], "You are invited to Press office")
    assert "Ada invites you to the workspace" in sent.body
    assert accept(make_user(), token_in(sent.body)).status_code == 200
    assert Mail.objects.get().text_enc is None


def test_name_of_a_workspace_adds_no_header_to_the_email(workspace, ada, settings):
    settings.EMAIL_URL = "smtp://mail.example"
    Workspace.objects.filter(pk=workspace.pk).update(name="A\nBcc: eve@example.test")

    ada.post(address(workspace), {"email": "bob@example.test"})
    send_due()

    (sent,) = outbox.outbox
    assert sent.message()["Subject"].startswith("You are invited to A")
    assert sent.message()["Bcc"] is None


def test_idempotency_key_of_an_invitation_gives_no_link_twice(workspace, ada):
    sent = [
        ada.post(address(workspace), {"email": "bob@example.test"}, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]

    assert [answer.status_code for answer in sent] == [201, 409]
    assert sent[1].json()["errors"][0]["params"] == {"id": sent[0].json()["id"]}


# --- registering by invitation ---
def register(email: str, token: str | None) -> Any:
    body = {"email": email, "password": "analytical-engine", "name": "Grace"}
    return APIClient(raise_request_exception=False).post(REGISTER, body | ({"invitation": token} if token else {}))


@pytest.mark.parametrize("is_open", [True, False])
def test_who_is_invited_registers_also_where_registration_is_closed(workspace, is_open):
    _, token = make_invitation(workspace, role=Role.EDITOR)

    with override_settings(REGISTRATION_OPEN=is_open):
        answer = register("grace@example.test", token)
        again = register("eve@example.test", token)

    grace = User.objects.get(email="grace@example.test")
    assert (answer.status_code, again.json()["code"]) == (201, "invitation_used")
    assert (grace.default_workspace, role_of(grace, workspace)) == (workspace, "editor")
    assert Workspace.objects.get(is_personal=True).members.get() == grace
    assert with_key(answer.json()["api_key"]).get(f"/api/v2/workspaces/{workspace.id}").json()["role"] == "editor"
    assert not User.objects.filter(email="eve@example.test").exists()


# --- the page ---
def test_page_offers_a_button_to_who_is_signed_in(workspace):
    _, token = make_invitation(workspace, invited_by=workspace.members.get(), role=Role.ADMIN)
    bob = make_user(email="bob@example.test")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(bob, backend=BACKEND)

    page = browser.get(f"/invitation?token={token}")
    text = page.content.decode()
    unproven = browser.post("/invitation", {"token": token})
    csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)
    assert csrf is not None
    joined = browser.post("/invitation", {"token": token, "csrfmiddlewaretoken": csrf[1]})

    assert [word in text for word in ("Press office", "Admin", "Ada", "bob@example.test", "Join")] == [True] * 5
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert (unproven.status_code, joined.status_code) == (403, 200)
    assert role_of(bob, workspace) == "admin"


@override_settings(REGISTRATION_OPEN=False)
def test_page_lets_others_sign_in_or_register(workspace):
    invitation, token = make_invitation(workspace)
    browser = Client()

    page = browser.get(f"/invitation?token={token}").content.decode()
    fields = {"token": token, "email": invitation.email, "name": "Grace"}
    refused = browser.post("/invitation", {**fields, "password": "password"})
    joined = browser.post("/invitation", {**fields, "password": "analytical-engine"})

    assert f"/api-auth/login?next=%2Finvitation%3Ftoken%3D{token}" in page
    assert f'value="{invitation.email}"' in page
    assert "This password is too common." in refused.content.decode()
    assert "You are in Press office" in joined.content.decode()
    grace = User.objects.get(email=invitation.email)
    assert (grace.default_workspace, ApiKey.objects.count()) == (workspace, 0)
    assert browser.get("/api/v2/auth/me").json()["id"] == str(grace.pk)


def test_page_says_what_is_wrong_and_joins_nobody_twice(workspace):
    _, token = make_invitation(workspace)
    member = make_member(workspace)
    browser = Client()
    browser.force_login(member, backend=BACKEND)

    answer = browser.post("/invitation", {"token": token})

    assert "already" in answer.content.decode()
    assert Invitation.objects.get().accepted_at is None


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_one_token_at_once_one_is_let_in(workspace):
    _, token = make_invitation(workspace)
    clients = iter([signed_in(make_user()) for _ in range(4)])

    answers = at_once(4, lambda: next(clients).post(ACCEPT, {"token": token}))

    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {"invitation_used"}
    assert Membership.objects.filter(workspace=workspace).count() == 2
