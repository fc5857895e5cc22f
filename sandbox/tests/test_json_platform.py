"""What a platform of JSON answers and app passwords has without a line of its own, and how platforms are found."""

from __future__ import annotations

from types import ModuleType

import orjson
import pytest

from sandbox.json_platform import AppPasswordPlatform, JsonPlatform, PastedTokenPlatform
from sandbox.platforms import platform_in
from sandbox.records import Grant, Post, Token
from sandbox.routing import Operation, Routes
from sandbox.wire import Answer, Refused, Request, json_answer
from sandbox.world import World

NOW_MS = 1_800_000_000_000
ROUTES: Routes[Words] = Routes()


class Words(JsonPlatform):
    label = "Words"
    routes = ROUTES

    def error(self, status: int, name: str, message: str) -> Answer:
        return json_answer(status, {"name": name, "message": message})

    def post_url(self, post: Post) -> str:
        return f"{self.site.url}/{post.id}"


class Notes(Words, AppPasswordPlatform):
    slug = "notes"


@ROUTES.add("GET", "/me", Operation.OTHER)
def me(server: Words, request: Request) -> Answer:
    return json_answer(200, {"handle": server.caller(request).handle, "sent": request.fields()})


@pytest.fixture
def notes() -> Notes:
    platform = World("http://127.0.0.1:1", {"notes": Notes}).site("notes")
    assert isinstance(platform, Notes)
    return platform


def asked(notes: Words, path: str, token: str = "", body: bytes = b"") -> tuple[int, dict[str, object]]:
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")]
    request = Request("GET", path, b"", headers, body, NOW_MS)
    answer = notes.carry_out(notes.route_of(request)[0], request)
    return answer.status, orjson.loads(answer.body)


def signed_in(notes: Notes, handle: str = "ada") -> Token:
    person = notes.person_called(handle)
    assert person is not None
    return notes.signed_in(handle, notes.person_extras(person)["app_password"], NOW_MS)


def test_app_password_gives_a_token_that_says_who_calls(notes: Notes) -> None:
    first, second = signed_in(notes), signed_in(notes)

    assert asked(notes, "/me", first.access) == (200, {"handle": "ada", "sent": {}})
    assert first.access != second.access


def test_pasted_token_says_who_calls() -> None:
    class Letters(Words, PastedTokenPlatform):
        slug = "letters"

    platform = World("http://127.0.0.1:1", {"letters": Letters}).site("letters")
    assert isinstance(platform, Letters)
    person = platform.person_called("ada")
    assert person is not None

    tokens = [platform.person_extras(person)["app_password"] for _ in range(2)]

    assert [asked(platform, "/me", token) for token in tokens] == [(200, {"handle": "ada", "sent": {}})] * 2
    assert asked(platform, "/me", person.app_password)[0] == 401


@pytest.mark.parametrize(("handle", "password"), [("bob", ""), ("ada", ""), ("ada", "ü"), ("nobody", "x")])
def test_wrong_password_and_nobody_are_refused_alike(notes: Notes, handle: str, password: str) -> None:
    for known in ("ada", "bob"):
        notes.person_called(known)

    with pytest.raises(Refused) as caught:
        notes.signed_in(handle, password, NOW_MS)

    assert (caught.value.answer.status, orjson.loads(caught.value.answer.body)["name"]) == (401, "wrong_password")


def test_token_that_is_not_good_is_refused(notes: Notes) -> None:
    revoked, expired, of_app = signed_in(notes), signed_in(notes), Token("app", Grant(None, None, ()), NOW_MS)
    notes.site.tokens["app"] = of_app
    revoked.is_revoked = expired.is_expired = True

    seen = [asked(notes, "/me", token) for token in ("", "x", revoked.access, expired.access, "app")]

    assert [status for status, _ in seen] == [401, 401, 401, 401, 403]


def test_key_makes_one_post_until_that_is_off(notes: Notes) -> None:
    ada, bob = (signed_in(notes, name).grant.person for name in ("ada", "bob"))
    assert ada is not None
    assert bob is not None

    first, again = (notes.post_once(ada, "Hello", NOW_MS, key="k") for _ in range(2))
    of_bob = notes.post_once(bob, "Hello", NOW_MS, key="k")
    notes.world.limits.idempotency = False
    twin = notes.post_once(ada, "Hello", NOW_MS, key="k")

    assert first is again
    assert list(notes.site.posts.values()) == [first, of_bob, twin]
    assert (notes.post_of_key(ada, "k"), notes.post_of_key(ada, "other")) == (first, None)
    notes.site.remove_post(first)
    assert notes.post_of_key(ada, "k") is None


def test_every_refusal_has_the_vendors_shape(notes: Notes) -> None:
    token = signed_in(notes).access
    answers = [
        notes.too_large(),
        notes.server_error(503),
        notes.too_many(until_ms=NOW_MS + 1_200, at_ms=NOW_MS),
        notes.rejected(Operation.PUBLISH),
    ]

    assert [answer.status for answer in answers] == [413, 503, 429, 422]
    assert all(orjson.loads(answer.body).keys() == {"name", "message"} for answer in answers)
    assert answers[2].headers == [(b"retry-after", b"2")]
    assert asked(notes, "/you", token)[0] == 404
    assert asked(notes, "/me", token, b"{")[0] == 400


def test_module_is_the_platform_that_is_called_as_it() -> None:
    module = ModuleType("sandbox.platforms.notes")
    vars(module).update({"AppPasswordPlatform": AppPasswordPlatform, "Notes": Notes})

    assert platform_in(module) is Notes
    with pytest.raises(LookupError, match="'other'"):
        platform_in(ModuleType("sandbox.platforms.other"))
