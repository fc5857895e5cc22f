"""Every request that a connector makes in a test, held against the table of its platform.

A plugin of pytest: what goes out through `core.outbound` is looked at on its way, wherever it leads, and a test whose
requests are not as described fails. Only what the code of a platform sends counts, not what a test sends itself.
Of whole instances, whose requests come from other processes, the simulator hands on one of every form.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.specifications.shapes import FORM, JSON, MULTIPART, Sent
from tests.specifications.tables import Request, call_of, form_of, problems_of

# Tests that send on purpose what is not described: what that is, and why.
_BLUESKY, _MASTODON, _TWITTER = (f"integrations/platforms/{slug}/tests" for slug in ("bluesky", "mastodon", "twitter"))
_IS_REFUSED = "that the service refuses what our rules refuse is seen by sending it past them"
EXEMPT: Mapping[str, tuple[str, str]] = {
    f"{_BLUESKY}/test_contract.py::TestBluesky::test_what_is_refused_is_known_before[text1]": (
        "body.record.text: is longer than 300 graphemes",
        _IS_REFUSED,
    ),
    f"{_BLUESKY}/test_contract.py::TestBluesky::test_what_is_refused_is_known_before[text3]": (
        "body.record.text: is longer than 3000",
        _IS_REFUSED,
    ),
    f"{_BLUESKY}/test_contract.py::TestBluesky::test_what_is_refused_is_known_before[text5]": (
        "body.record.text: is longer than 300 graphemes",
        _IS_REFUSED,
    ),
    f"{_BLUESKY}/test_media_contract.py::test_large_pictures_are_several_calls": (
        "image: is larger than 2000000",
        "pictures as Bluesky takes them never need a second call: these are larger, for a service that takes more",
    ),
    f"{_MASTODON}/test_oauth.py::test_consent_page_is_asked_for_with_pkce": (
        "mastodon has no GET /login",
        "its server names a page of its own, which a server may",
    ),
    f"{_TWITTER}/test_media_contract.py::test_what_is_refused_together_is_known_before[kinds0]": (
        "body.media.media_ids: has 5 items",
        _IS_REFUSED,
    ),
    f"{_TWITTER}/test_connector.py::test_ids_are_no_paths": (
        "path.id: '1/../../admin?x='",
        "an id that X would never give must not become another path",
    ),
}

PLATFORMS = "integrations.platforms."
PROTOCOLS = "integrations.protocols."
OUR_AGENTS = (
    "MastaBlasta/",
    "python-requests/",
)  # the second where requests-oauthlib speaks; tests and browsers differ
_NAME = re.compile(rb'name="([^"]*)"')

_found: list[str] = []
_specimens: Specimens | None = None
_used: set[str] = set()  # exempt tests that needed to be


@pytest.fixture(scope="session", autouse=True)
def _requests_are_looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    from mastablasta.core.outbound import http, oauth
    from tests.instance import Instance

    global _specimens
    _specimens = Specimens(tmp_path_factory.mktemp("specimens") / "calls.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Instance, "environment", _handing_on(Instance.environment, _specimens.path))
        for module in (http, oauth):
            patch.setattr(module, "exchange", _looked_at(module.exchange))
        patch.setattr(oauth.OAuthSession, "authorization_url", _consent_looked_at(oauth.OAuthSession.authorization_url))
        yield


def _looked_at(exchange: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def exchange_as_described(call: Any) -> Any:
        slug = sender()
        if slug is not None:
            _found.extend(problems_of(slug, request_of(slug, call)))
        return exchange(call)

    return exchange_as_described


def _handing_on(environment: Callable[[Any], dict[str, str]], path: Path) -> Callable[[Any], dict[str, str]]:
    return lambda instance: environment(instance) | {"SANDBOX_SPECIMENS": str(path)}


class Specimens:
    """What the simulators of whole instances write of the calls that they receive."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_up_to = 0

    def problems(self) -> Iterator[str]:
        """What is not as described in the calls that are new since the last time."""
        try:
            if self.path.stat().st_size <= self._read_up_to:
                return
        except FileNotFoundError:
            return
        with self.path.open("rb") as file:
            file.seek(self._read_up_to)
            written = file.read()
        whole = written[: written.rfind(b"\n") + 1]
        self._read_up_to += len(whole)
        for line in whole.splitlines():
            specimen = json.loads(line)
            if specimen["headers"].get("user-agent", "").startswith(OUR_AGENTS):
                yield from problems_of(specimen["platform"], specimen_request(specimen))


def specimen_request(specimen: Mapping[str, Any]) -> Request:
    """A line of the simulator as the tables see it."""
    body = specimen["body"]
    if isinstance(body, list):
        body = form_of([(name, _file_or_text(value)) for name, value in body])
    elif isinstance(body, dict) and body.keys() == {"file", "size"}:
        body = _file_or_text(body)
    method, (path, mark, query) = specimen["method"], specimen["target"].partition("?")
    target = f"{_below(specimen['platform'], method, path)}{mark}{query}"
    return Request(method, target, specimen["headers"], body)


def _file_or_text(value: Any) -> Any:
    return Sent(value["file"], value["size"]) if isinstance(value, dict) else value


def _consent_looked_at(authorization_url: Callable[..., Any]) -> Callable[..., Any]:
    """The page of consent is asked for by a browser, so its address is looked at where it is made."""

    def as_described(session: Any, *args: Any, **kwargs: Any) -> Any:
        url, state = authorization_url(session, *args, **kwargs)
        slug = sender()
        if slug is not None:
            address = urlsplit(url)
            target = _below(slug, "GET", address.path)
            _found.extend(problems_of(slug, Request("GET", f"{target}?{address.query}")))
        return url, state

    return as_described


def sender() -> str | None:
    """The platform whose code is making the call; None = it is somebody else's."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(PROTOCOLS):  # what platforms share speaks for the one whose class it is
            module = type(frame.f_locals.get("self")).__module__
        if module.startswith(PLATFORMS) and ".tests." not in module:
            return str(module.split(".")[2])
        frame = frame.f_back  # type: ignore[assignment]
    return None


def request_of(slug: str, call: Any) -> Request:
    """A call of the door as the tables see it."""
    path, mark, query = call.target.partition("?")
    target = f"{_below(slug, call.method, path)}{mark}{query}"
    media_type = Request(call.method, target, call.headers).media_type
    body = None if call.body is None else _body_of(media_type, call)
    return Request(call.method, target, call.headers, body)


def _below(slug: str, method: str, path: str) -> str:
    """A path without the one that the simulator puts before each platform's own, and each of its further sign-ins."""
    behind = path
    for _ in range(3):
        if call_of(slug, method, behind)[0] is not None:
            return behind
        behind = "/" + behind[1:].partition("/")[2]
    return path


def _body_of(media_type: str, call: Any) -> Any:
    if media_type == JSON:
        return json.loads(call.body)
    if media_type == FORM:
        return form_of(parse_qsl(call.body.decode(), keep_blank_values=True))
    if media_type == MULTIPART:
        return form_of(list(_parts_of(call.body)))
    return Sent(media_type, int(call.headers.get("Content-Length", 0)))


def _parts_of(form: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a multipart form; its files are not read."""
    pieces = list(form._pieces)
    for place, piece in enumerate(pieces):
        if isinstance(piece, bytes) and (name := _NAME.search(piece)) is not None:
            following = pieces[place + 1]
            is_file = not isinstance(following, bytes)
            text = piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n").decode()
            yield name[1].decode(), Sent(following.mime_type, following.size) if is_file else text


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    return (yield from _held(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    result = yield from _held(item)
    if item.nodeid in EXEMPT and item.nodeid not in _used:
        pytest.fail("Exempt from the check of its requests, and all of them are as specified", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    return (yield from _held(item))


def _held(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let a phase of a test run, and fail it if a request in it was not as described."""
    try:
        result = yield
    except BaseException as error:
        for problem in take(item):
            error.add_note(f"Not as specified: {problem}")
        raise
    if problems := take(item):
        pytest.fail("Not as specified:\n" + "\n".join(problems), pytrace=False)
    return result


def take(item: pytest.Item | None = None) -> list[str]:
    """What was found since the last time, but for what the test may do."""
    taken = list(dict.fromkeys([*_found, *(_specimens.problems() if _specimens is not None else ())]))
    _found.clear()
    allowed = EXEMPT.get(item.nodeid) if item is not None else None
    if item is None or allowed is None:
        return taken
    left = [problem for problem in taken if allowed[0] not in problem]
    if len(left) < len(taken):
        _used.add(item.nodeid)
    return left
