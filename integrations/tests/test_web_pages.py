"""What pages say of themselves, read from a server that says what it likes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from integrations.protocols import web_pages
from integrations.protocols.web_pages import PageSummary, read_page, read_picture
from tests.kit.certificates import Authority
from tests.kit.media_contract import png
from tests.kit.named_hosts import allowed_host
from tests.kit.raw_server import RawServer, answer, raw_server, says_once

HOST = "pages.example"


@pytest.fixture(autouse=True)
def known_host(authority: Authority, settings: Settings) -> Iterator[None]:
    with allowed_host(HOST, settings, authority=authority):
        yield


def at(server: RawServer, path: str = "/a/page") -> str:
    return f"https://{HOST}:{server.port}{path}"


def page(html: str | bytes, content_type: str = "text/html; charset=utf-8", **more: str) -> bytes:
    return answer(html, content_type=content_type, **more)


PLAIN = PageSummary("Amsel", "", "")


@pytest.mark.parametrize(
    ("html", "summary"),
    [
        (
            '<head><title>No</title><meta property="og:title" content="Amsel &amp; &quot;Star&quot;\n > all">'
            "<META content='Birds' name=description /><meta property=og:image content=/b.png></head>",
            ('Amsel & "Star" > all', "Birds", "/b.png"),
        ),
        ("<TITLE lang=de> Die\tAmsel </TITLE>", ("Die Amsel", "", "")),
        ("<p>nothing", (HOST, "", "")),
        (f"<title>{'x' * 301}</title>", ("x" * 299 + "…", "", "")),
        ("<title>Gr\u00fc\u00dfe</title>".encode("latin-1"), ("Grüße", "", "")),
    ],
)
def test_page_says_what_it_is(authority: Authority, html: str | bytes, summary: tuple[str, str, str]) -> None:
    kind = "text/html; charset=iso-8859-1" if isinstance(html, bytes) else "text/html; charset=utf-8"
    with raw_server(says_once(page(html, kind)), tls=authority.server(HOST)) as server:
        title, description, picture = summary
        expected = PageSummary(title, description, at(server, picture) if picture else "")

        assert read_page(at(server)) == expected
    assert b"\r\nAuthorization" not in server.requests[0]


@pytest.mark.parametrize("charset", ["undefined", "idna", "hex", "none-such"])
def test_page_in_no_encoding_of_the_web_is_read_as_utf_8(authority: Authority, charset: str) -> None:
    said = page("<title>Grüße</title>", f"text/html; charset={charset}")
    with raw_server(says_once(said), tls=authority.server(HOST)) as server:
        assert read_page(at(server)) == PageSummary("Grüße", "", "")


def test_page_is_where_it_was_moved_to_and_nothing_else_counts(authority: Authority) -> None:
    moved = page("", location="/b").replace(b"200", b"302", 1)
    turns = says_once(moved), says_once(page("<title>Amsel</title>"))
    with raw_server(*turns, tls=authority.server(HOST)) as server:
        assert read_page(at(server)) == PLAIN


@pytest.mark.parametrize(
    "said",
    [
        page("<title>Amsel</title>").replace(b"200", b"403", 1),
        page("<title>Amsel</title>", "application/pdf"),
        page("", location="https://inside.example/").replace(b"200", b"302", 1),
        page("", location="/round").replace(b"200", b"302", 1),
        page("", location="http://[").replace(b"200", b"302", 1),
        b"no HTTP at all\r\n\r\n",
    ],
)
def test_page_that_refuses_says_nothing(authority: Authority, said: bytes) -> None:
    with raw_server(says_once(said), tls=authority.server(HOST)) as server:
        assert read_page(at(server)) is None
    assert server.connections <= web_pages.MOST_REDIRECTS + 1


def test_addresses_inside_are_not_read() -> None:
    assert read_page("https://inside.example/") is None
    assert read_page("http://127.0.0.1:8000/") is None
    assert read_picture("https://inside.example/a.png", max_bytes=9) is None


@pytest.mark.parametrize("stretch", ["<meta ", "<meta a='", "<!", "<title", "<meta a b =", "<a <!--"])
def test_page_that_never_ends_is_read_in_bounds(authority: Authority, stretch: str) -> None:
    html = stretch * (2 * web_pages.PAGE_BYTES // len(stretch))
    begun = time.process_time()
    with raw_server(says_once(page(html)), tls=authority.server(HOST)) as server:
        read_page(at(server))

    assert time.process_time() - begun < 1.5


def test_picture_is_what_its_bytes_show(authority: Authority) -> None:
    data = png(3, 2)
    turns = says_once(answer(data, content_type="text/plain")), says_once(answer("<svg/>", content_type="image/png"))
    with raw_server(*turns, says_once(answer(data)), tls=authority.server(HOST)) as server:
        picture = read_picture(at(server), max_bytes=len(data))
        not_one = read_picture(at(server), max_bytes=len(data))
        too_large = read_picture(at(server), max_bytes=len(data) - 1)

    assert picture is not None
    assert (picture.data, picture.mime_type) == (data, "image/png")
    assert (not_one, too_large) == (None, None)
