"""The second factor of Django admin: set up, asked for, bounded, lost, and nowhere to be read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import SecondFactor, User
from accounts.roles import SiteRole
from accounts.services import second_factor
from accounts.tests.factories import BACKEND, PASSWORD, make_member, make_user, make_workspace
from mastablasta.core import crypto
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.errors import Conflict, Invalid, TooOften

pytestmark = pytest.mark.django_db
OWN, ASK = "/admin/second-factor/own/", "/admin/second-factor/"
NOON = datetime(2026, 11, 29, 12, 0, 5, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ada() -> User:
    return make_user(email="ada@example.test", password=PASSWORD, site_role=SiteRole.ADMIN)


def browser_of(person: User) -> Client:
    browser = Client()
    browser.force_login(person, backend=BACKEND)
    return browser


def code_of(person: User, *, at: datetime | None = None) -> str:
    """What their authenticator app shows."""
    secret = str(SecondFactor.objects.get(user=person).secret_enc)
    return pyotp.TOTP(secret).at(at or timezone.now())


def set_up(person: User) -> list[str]:
    """With a code of a minute ago, so that those of now are not used up; the recovery codes."""
    before = timezone.now() - timedelta(minutes=1)
    second_factor.begin(person, at=before)
    return second_factor.confirm(person, code_of(person, at=before), at=before)


def test_setting_it_up_shows_the_secret_until_a_code_is_given_and_the_codes_once(ada, clock):
    browser = browser_of(ada)

    refused = browser.post(OWN, {"do": "begin", "password": "wrong"})
    assert not SecondFactor.objects.exists()
    browser.post(OWN, {"do": "begin", "password": PASSWORD})
    page = browser.get(OWN)
    secret = str(SecondFactor.objects.get().secret_enc)
    wrong = browser.post(OWN, {"do": "confirm", "code": "000000"})
    done = browser.post(OWN, {"do": "confirm", "code": f" {code_of(ada)[:3]} {code_of(ada)[3:]}"})
    later = browser.get(OWN).content.decode()

    assert "This is not your password" in refused.content.decode()
    assert secret in page.content.decode()
    assert "<svg" in page.content.decode()
    assert "style=" not in page.content.decode()
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert "no-store" in page.headers["Cache-Control"]
    assert "This code does not count" in wrong.content.decode()
    codes = done.context["codes"]
    assert len(set(codes)) == 10
    assert all(code in done.content.decode() for code in codes)
    assert "It is set up" in later
    assert [one for one in (secret, *codes) if one in later] == []
    assert browser.get("/admin/").status_code == 200  # who set it up has shown it


def test_the_qr_code_says_who_and_where(ada, clock):
    second_factor.begin(ada, at=NOON)

    told = second_factor.enrolment(SecondFactor.objects.get())

    assert told is not None
    query = parse_qs(urlsplit(told.uri).query)
    assert told.uri.startswith("otpauth://totp/MastaBlasta")
    assert "ada%40example.test" in told.uri
    assert query["secret"] == [told.secret]


def test_sign_in_asks_for_a_code_and_leads_on_to_where_one_wanted(ada, clock):
    set_up(ada)
    browser = Client()
    wanted = "/admin/posts/post/"
    sent = {"username": ada.email, "password": PASSWORD, "next": wanted}

    after_password = browser.post("/admin/login/", sent, follow=True)
    kept_out = browser.get("/admin/accounts/user/")
    triage = browser.get("/admin/triage/")
    own = browser.get(OWN)
    key = browser.session.session_key
    let_in = browser.post(ASK, {"code": code_of(ada), "next": wanted})

    assert after_password.redirect_chain[-1] == (f"{ASK}?next=%2Fadmin%2Fposts%2Fpost%2F", 302)
    assert "six digits" in after_password.content.decode()
    assert "/admin/accounts/user/" not in after_password.content.decode()  # no place is named to whom none is open
    assert [one.status_code for one in (kept_out, triage, own)] == [302] * 3
    assert (let_in.status_code, let_in.headers["Location"]) == (302, wanted)
    assert browser.session.session_key != key
    assert browser.get(wanted).status_code == 200


@pytest.mark.parametrize("wanted", ["https://evil.test/", "//evil.test/admin/", "/api/v2", "javascript:alert(1)"])
def test_a_code_leads_nowhere_else(ada, clock, wanted):
    set_up(ada)

    let_in = browser_of(ada).post(ASK, {"code": code_of(ada), "next": wanted})

    assert let_in.headers["Location"] == "/admin/"


def test_a_code_counts_once_and_only_around_its_time(ada, clock):
    set_up(ada)
    old, now = code_of(ada, at=NOON - timedelta(seconds=90)), code_of(ada)

    with pytest.raises(Invalid, match="does not count"):
        second_factor.verify(ada, old, at=NOON)
    assert second_factor.verify(ada, now, at=NOON) == ada.second_factor.pk
    for again in (now, code_of(ada, at=NOON - timedelta(seconds=30))):
        with pytest.raises(Invalid, match="does not count"):
            second_factor.verify(ada, again, at=NOON)
    ahead = code_of(ada, at=NOON + timedelta(seconds=30))
    assert second_factor.verify(ada, ahead, at=NOON) == ada.second_factor.pk


def test_guesses_are_bounded_by_person_whoever_asks_and_right_ones_free_the_way(ada, clock):
    set_up(ada)
    for _ in range(4):
        assert browser_of(ada).post(ASK, {"code": "000000"}).status_code == 200
    second_factor.verify(ada, code_of(ada), at=NOON)  # begins to count anew

    answers = [browser_of(ada).post(ASK, {"code": "000000"}).status_code for _ in range(6)]
    late = browser_of(ada).post(ASK, {"code": code_of(ada, at=NOON + timedelta(seconds=30))})

    assert answers == [200] * 5 + [429]
    assert late.status_code == 429
    assert "Too many wrong codes; wait" in late.content.decode()
    with pytest.raises(TooOften):
        second_factor.verify(ada, code_of(ada), at=NOON)
    clock.shift(timedelta(minutes=5))
    assert second_factor.verify(ada, code_of(ada), at=timezone.now()) is not None


def test_recovery_codes_let_in_once_each_and_others_take_their_place(ada, clock):
    first, second, *_ = set_up(ada)

    assert browser_of(ada).post(ASK, {"code": first.lower().replace("-", " ")}).status_code == 302
    assert "does not count" in browser_of(ada).post(ASK, {"code": first}).content.decode()
    browser = browser_of(ada)
    browser.post(ASK, {"code": code_of(ada)})
    assert "9 recovery codes are left" in browser.get(OWN).content.decode()
    assert browser.post(OWN, {"do": "renew", "password": "wrong"}).context.get("codes") is None
    others = browser.post(OWN, {"do": "renew", "password": PASSWORD}).context["codes"]

    with pytest.raises(Invalid):
        second_factor.verify(ada, second, at=NOON)
    assert second_factor.verify(ada, others[0], at=NOON) is not None
    told = AuditEntry.objects.filter(action="recovery code used").first()
    assert told is not None
    assert told.changes == {"codes_left": [10, 9]}


def test_it_is_removed_with_the_password_alone_by_oneself(ada, clock):
    set_up(ada)
    browser = browser_of(ada)
    browser.post(ASK, {"code": code_of(ada)})

    browser.post(OWN, {"do": "remove", "password": "wrong"})
    assert SecondFactor.objects.filter(user=ada).exists()
    browser.post(OWN, {"do": "remove", "password": PASSWORD})

    assert not SecondFactor.objects.filter(user=ada).exists()
    assert browser_of(ada).get("/admin/").status_code == 200
    told = AuditEntry.objects.get(action="removed")
    assert (told.object_type, told.object_name, told.actor_name) == ("accounts.secondfactor", ada.email, ada.email)


def test_a_session_without_code_removes_nothing(ada, clock):
    set_up(ada)

    assert browser_of(ada).post(OWN, {"do": "remove", "password": PASSWORD}).status_code == 302
    assert SecondFactor.objects.filter(user=ada).exists()


def test_a_site_admin_removes_it_for_who_lost_it_and_that_is_told(ada, clock):
    other = make_user(site_role=SiteRole.ADMIN)
    lost = SecondFactor.objects.get(user=ada) if set_up(ada) else None
    assert lost is not None
    chosen = {"action": "remove", "_selected_action": [str(lost.pk)]}

    browser_of(other).post("/admin/accounts/secondfactor/", chosen)
    staff = make_member(make_workspace(), has_staff_access=True)

    assert not SecondFactor.objects.filter(user=ada).exists()
    told = AuditEntry.objects.get(action="removed")
    assert (told.object_name, told.actor_name, told.via) == (ada.email, other.email, "browser")
    assert browser_of(staff).get("/admin/accounts/secondfactor/").status_code == 403


def test_where_it_is_required_site_admins_set_it_up_before_anything_else(ada, clock, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    browser, staff = browser_of(ada), browser_of(make_member(make_workspace(), has_staff_access=True))

    page = browser.get("/admin/", follow=True)
    for path in ("/admin/accounts/user/", "/admin/triage/", "/admin/autocomplete/"):
        assert browser.get(path).status_code == 302
    browser.post(OWN, {"do": "begin", "password": PASSWORD})
    browser.post(OWN, {"do": "confirm", "code": code_of(ada)})

    assert page.redirect_chain[-1][0] == OWN
    assert "Site admins need a second factor here" in page.content.decode()
    assert browser.get("/admin/accounts/user/").status_code == 200
    assert staff.get("/admin/").status_code == 200


def test_other_sessions_are_asked_once_it_is_set_up_anew(ada, clock):
    set_up(ada)
    browser = browser_of(ada)
    browser.post(ASK, {"code": code_of(ada)})
    assert browser.get("/admin/").status_code == 200

    second_factor.remove(ada, at=NOON)
    assert browser.get("/admin/").status_code == 200
    set_up(ada)

    assert browser.get("/admin/").status_code == 302


def test_who_is_no_staff_has_no_such_pages(clock):
    for browser in (Client(), browser_of(make_user())):
        for path in (OWN, ASK):
            assert browser.get(path).headers["Location"].startswith("/admin/login/")


def test_secret_and_codes_are_encrypted_or_hashed_and_another_key_takes_them_over(ada, clock, settings):
    codes = set_up(ada)
    secret = str(SecondFactor.objects.get().secret_enc)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_secondfactor")
        stored = " ".join(
            bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
            for value in cursor.fetchall()[0]
        )

    found = [one for one in (secret, *codes, *(code.replace("-", "") for code in codes)) if one in stored]

    assert found == []
    settings.ENCRYPTION_KEYS = ["bTRLbVhRaDVQZ1JjbGdEVTBoWGxkUnRUNmVYcmxBaUo=", *settings.ENCRYPTION_KEYS]
    call_command("rotate_encryption_key", "--json", stdout=io.StringIO())
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    assert str(SecondFactor.objects.get().secret_enc) == secret
    assert crypto.decrypt(crypto.encrypt("x")) == "x"


def test_one_whose_key_is_lost_is_begun_anew_or_got_past_with_a_recovery_code(ada, clock):
    lost = crypto.Unreadable(b"gAAAAABlost")
    browser = browser_of(ada)
    second_factor.begin(ada, at=NOON)
    SecondFactor.objects.update(secret_enc=lost)

    offered = browser.get(OWN)
    browser.post(OWN, {"do": "begin", "password": PASSWORD})
    SecondFactor.objects.get().delete()
    codes = set_up(ada)
    code = code_of(ada)
    SecondFactor.objects.update(secret_enc=lost)
    browser = browser_of(ada)
    refused = browser.post(ASK, {"code": code})
    by_recovery_code = browser.post(ASK, {"code": codes[0]})

    assert (offered.status_code, offered.context["waiting"]) == (200, None)
    assert (refused.status_code, "ENCRYPTION_KEY" in refused.content.decode()) == (200, True)
    assert by_recovery_code.status_code == 302
    assert browser.get("/admin/").status_code == 200


def test_a_second_one_is_refused_while_there_is_one(ada, clock):
    set_up(ada)

    with pytest.raises(Conflict, match="remove it first"):
        second_factor.begin(ada, at=NOON)
