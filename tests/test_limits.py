"""How often somebody may ask, over HTTP: who is counted, what is answered, and whose word counts for who asks."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
import time_machine
from django.core.cache import caches
from django.test import Client
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts.tests.factories import PASSWORD, make_api_key, make_user, make_workspace, signed_in, with_key
from mastablasta.core.api import limits
from mastablasta.core.api.problems import SENTENCES
from mastablasta.core.models import RequestCount
from mastablasta.core.tests.answers import assert_problem
from mastablasta.environment import Environment

ME, PUBLIC, LOGIN = "/api/v2/auth/me", "/api/v2/docs", "/api/v2/auth/login"
RATES = {"user": "3/min", "key": "4/min", "anonymous": "2/min", "sign_in": "2/min", "registration": "1/h"}
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(settings: Any) -> Any:
    """Half past nine, at which time stands still; limits are on, and this is the only web process."""
    settings.THROTTLE_RATES, settings.WEB_WORKERS = RATES, 1
    caches["limits"].clear()
    with time_machine.travel("2030-01-31T09:30:20Z", tick=False) as clock:
        yield clock


def statuses(client: Any, path: str, times: int, **more: Any) -> list[int]:
    return [client.get(path, **more).status_code for _ in range(times)]


def test_answers_say_how_much_is_left_and_when_it_begins_anew(clock):
    client = signed_in(make_workspace().members.get())

    answers = [client.get(ME) for _ in range(4)]

    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
    assert [tuple(answer.headers[name] for name in names) for answer in answers] == [
        ("3", "2", "40", "3;w=60"),
        ("3", "1", "40", "3;w=60"),
        ("3", "0", "40", "3;w=60"),
        ("3", "0", "40", "3;w=60"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert_problem(answers[3], 429, *SENTENCES[429])
    assert answers[3].headers["Retry-After"] == "40"
    clock.shift(40)
    assert client.get(ME).status_code == 200


def test_each_person_each_key_and_each_address_has_its_own_count():
    ada = make_workspace().members.get()
    two_sign_ins = [signed_in(ada), signed_in(ada)]
    keys = [with_key(make_api_key(ada, ada.default_workspace)[1]) for _ in range(2)]

    assert statuses(two_sign_ins[0], ME, 2) + statuses(two_sign_ins[1], ME, 2) == [200, 200, 200, 429]
    assert [statuses(key, ME, 5) for key in keys] == [[200, 200, 200, 200, 429]] * 2
    assert statuses(signed_in(make_user()), ME, 3) == [200] * 3
    for address in ("198.51.100.7", "198.51.100.8", "2001:db8::1"):
        assert statuses(APIClient(), PUBLIC, 3, REMOTE_ADDR=address) == [200, 200, 429]
    assert statuses(APIClient(), PUBLIC, 1, REMOTE_ADDR="2001:db8::2") == [429]  # the same subscriber


def test_who_is_refused_counts_as_well():
    assert statuses(APIClient(), ME, 3) == [401, 401, 429]
    bad = APIClient()
    bad.credentials(HTTP_X_API_KEY="mb_wrong")
    assert statuses(bad, ME, 3, REMOTE_ADDR="198.51.100.7") == [401, 401, 429]


@pytest.mark.parametrize(
    ("trusted", "forwarded", "expected"),
    [
        ([], ["198.51.100.1", "198.51.100.2", "198.51.100.3"], [200, 200, 429]),
        (["127.0.0.1"], ["198.51.100.1", "198.51.100.2", "198.51.100.3"], [200, 200, 200]),
        (["127.0.0.1"], ["1.1.1.1, 198.51.100.1", "2.2.2.2, 198.51.100.1", "198.51.100.1"], [200, 200, 429]),
        (["127.0.0.0/8", "10.0.0.0/8"], ["198.51.100.1, 10.1.1.1", "198.51.100.1", "198.51.100.1, 10.2.2.2"],
         [200, 200, 429]),
        (["127.0.0.1"], ["rubbish", "more, rubbish", ""], [200, 200, 429]),
    ],
)  # fmt: skip
def test_only_a_trusted_proxy_says_who_asks(settings, trusted, forwarded, expected):
    settings.TRUSTED_PROXIES = trusted

    answers = [APIClient().get(PUBLIC, HTTP_X_FORWARDED_FOR=text).status_code for text in forwarded]

    assert answers == expected


def test_log_names_the_client_that_the_proxy_names(settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]

    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        APIClient().get(PUBLIC, HTTP_X_FORWARDED_FOR="198.51.100.1")
        APIClient().get(PUBLIC, HTTP_X_FORWARDED_FOR="198.51.100.1", REMOTE_ADDR="203.0.113.9")

    finished = [line["ip"] for line in lines if line["event"] == "request_finished"]
    assert finished == ["198.51.100.1", "203.0.113.9"]


def test_lock_out_counts_by_the_address_behind_the_proxy(settings):
    settings.THROTTLE_RATES, settings.TRUSTED_PROXIES = {}, ["127.0.0.1"]
    make_workspace(owner=make_user(email="ada@example.test", password=PASSWORD))

    def sign_in(password: str, address: str) -> int:
        body = {"email": "ada@example.test", "password": password}
        return APIClient().post(LOGIN, body, HTTP_X_FORWARDED_FOR=address).status_code

    assert [sign_in("wrong", "198.51.100.1") for _ in range(10)][-1] == 429
    assert [sign_in(PASSWORD, address) for address in ("198.51.100.1", "198.51.100.2")] == [429, 200]


WRONG = {"email": "ada@example.test", "password": "wrong"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (LOGIN, WRONG, 401),
        ("/api/v2/auth/password/reset", {"email": "ada@example.test"}, 202),
        ("/api/v2/auth/password/reset/confirm", {"token": "x", "new_password": "another long one"}, 400),
        ("/api-auth/login", {"username": "ada@example.test", "password": "wrong"}, 200),
        ("/admin/login/", {"username": "ada@example.test", "password": "wrong"}, 200),
        ("/invitation", {"token": "x"}, 400),
        ("/password-reset", {"email": "ada@example.test"}, 200),
        ("/password-reset/confirm", {"token": "x", "new_password": "another long one"}, 400),
    ],
)
def test_whatever_proves_who_one_is_counts_in_the_database_by_address(path, body, status):
    client = APIClient(raise_request_exception=False) if path.startswith("/api/") else Client()

    answers = [client.post(path, body) for _ in range(3)]
    elsewhere = client.post(path, body, REMOTE_ADDR="198.51.100.7")

    assert [answer.status_code for answer in answers] == [status, status, 429]
    assert answers[2].headers["Retry-After"] == "40"
    assert elsewhere.status_code == status
    caches["limits"].clear()
    assert client.post(path, body).status_code == 429
    assert RequestCount.objects.filter(key__startswith="limit:sign_in:127.0.0.1:").get().count == 4


def test_accepting_an_invitation_counts_like_a_sign_in():
    client = signed_in(make_user())

    answers = [client.post("/api/v2/invitations/accept", {"token": "x"}).status_code for _ in range(3)]

    assert answers == [400, 400, 429]


def test_failed_refreshes_count_like_sign_ins_and_good_ones_do_not(settings):
    settings.THROTTLE_RATES = {"sign_in": "2/min"}
    body = {"email": "ada@example.test", "password": "analytical-engine"}
    token = APIClient().post("/api/v2/auth/register", body).json()["refresh_token"]

    for _ in range(3):
        fresh = APIClient().post("/api/v2/auth/refresh", {"refresh_token": token})
        assert fresh.status_code == 200
        token = fresh.json()["refresh_token"]
    wrong = [APIClient().post("/api/v2/auth/refresh", {"refresh_token": "x"}).status_code for _ in range(3)]

    assert wrong == [401, 401, 429]


def test_registrations_have_an_hour(clock):
    def register(number: int) -> Any:
        body = {"email": f"ada{number}@example.test", "password": "analytical-engine"}
        return APIClient(raise_request_exception=False).post("/api/v2/auth/register", body)

    answers = [register(number) for number in range(2)]
    clock.shift(1_780)
    later = register(2)

    assert [answer.status_code for answer in (*answers, later)] == [201, 429, 201]
    assert answers[1].headers["Retry-After"] == "1780"
    assert answers[0].headers["RateLimit-Policy"] == "1;w=3600"


def test_process_without_redis_has_its_share_of_a_limit(settings):
    settings.WEB_WORKERS, settings.THROTTLE_RATES = 4, {"user": "6/min"}

    assert statuses(signed_in(make_workspace().members.get()), ME, 3) == [200, 200, 429]


def test_redis_that_is_down_holds_nobody_back_and_is_not_asked_each_time(settings, monkeypatch):
    monkeypatch.setattr(limits._Redis, "silent_until", 0.0)
    silent = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {**settings.CACHES, "limits": silent}

    with capture_logs() as lines:
        answers = [signed_in(make_workspace().members.get()).get(ME) for _ in range(2)]

    assert [line["event"] for line in lines].count("limits_not_counted") == 1
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "RateLimit-Limit" not in answers[0].headers


def test_nobody_is_held_back_without_limits(settings):
    settings.THROTTLE_RATES = {}

    answers = [APIClient().get(PUBLIC) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit-Limit" not in answers[0].headers
    assert not RequestCount.objects.exists()


USUAL = {"user": "600/min", "sign_in": "10/min"}


@pytest.mark.parametrize(
    ("items", "is_on", "expected"),
    [
        ([], False, {}),
        ([], True, USUAL),
        (["on"], False, USUAL),
        (["off"], True, {}),
        (["user=900/min"], True, {"user": "900/min", "sign_in": "10/min"}),
        (["user = 5/s", "sign_in=off"], True, {"user": "5/s"}),
        (["user=900/min"], False, {"user": "900/min"}),
    ],
)
def test_setting_changes_the_usual_limits(items, is_on, expected):
    environment = Environment({})

    assert environment.rates("THROTTLE_RATES", items, USUAL, is_on=is_on) == expected
    assert environment.faults == []


@pytest.mark.parametrize(
    "item", ["user", "user=", "user=fast", "user=0/min", "user=5/fortnight", "robots=5/min", "600/min"]
)
def test_limit_that_cannot_be_read_is_named(item):
    environment = Environment({})

    environment.rates("THROTTLE_RATES", [item], USUAL, is_on=True)

    assert [(fault.id, fault.name) for fault in environment.faults] == [("mastablasta.E003", "THROTTLE_RATES")]


def test_proxy_that_is_no_address_is_named():
    environment = Environment({})

    assert environment.networks("TRUSTED_PROXIES", ["10.0.0.0/8", "*", "::1"]) == ["10.0.0.0/8", "::1"]
    assert [fault.name for fault in environment.faults] == ["TRUSTED_PROXIES"]
