"""The door, against a server that lies."""

from __future__ import annotations

import gzip
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from mastablasta.core.outbound import Auth, CallFailed, File, Http, OutcomeUnknown, Response, Unavailable, connections
from tests.kit.raw_server import (
    RawConnection,
    answer,
    closes,
    drips,
    is_silent,
    raw_server,
    resets,
    says,
    says_once,
)


@pytest.fixture(autouse=True)
def no_kept_connections() -> Iterator[None]:
    connections.drop_kept()
    yield
    connections.drop_kept()


class Mark:
    """Counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


def visible(base_url: str, **how: object) -> Response:
    return Http(base_url, on_visible=Mark()).post("/x", json={}, visible=True, **how)


# --- what is sent ---


def test_request_is_sent_as_said() -> None:
    with raw_server(says(answer())) as server:
        http = Http(f"{server.url}/mastodon/", auth=Auth("abc"))

        http.post(
            "/api/v1/statuses", params={"a": ["1", "ü"]}, json={"status": "Grüße"}, headers={"Idempotency-Key": "k.0"}
        )

    agent = f"MastaBlasta/{django_settings.VERSION} (+{django_settings.PUBLIC_URL})"
    assert server.requests == [
        "POST /mastodon/api/v1/statuses?a=1&a=%C3%BC HTTP/1.1\r\n"
        f"Content-Length: 20\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"User-Agent: {agent}\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
        "Authorization: Bearer abc\r\nContent-Type: application/json\r\nIdempotency-Key: k.0\r\n"
        '\r\n{"status":"Grüße"}'.encode()
    ]


def test_form_is_sent_url_encoded() -> None:
    with raw_server(says(answer())) as server:
        Http(server.url).post("/oauth/token", data={"code": "a b", "scope": "read write"})

    assert b"\r\nContent-Type: application/x-www-form-urlencoded\r\n" in server.requests[0]
    assert server.requests[0].endswith(b"\r\n\r\ncode=a+b&scope=read+write")


def test_file_is_sent_as_it_is(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(bytes(range(256)) * 1000)
    with raw_server(says(answer())) as server:
        Http(server.url).post("/xrpc/upload", data=File("a.png", "image/png", path=str(picture)))

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: image/png\r\nContent-Length: 256000" in head
    assert body == picture.read_bytes()


@pytest.mark.parametrize(
    ("offset", "length", "part"),
    [(0, 70_000, slice(0, 70_000)), (70_000, 70_000, slice(70_000, 140_000)), (250_000, 70_000, slice(250_000, None))],
)
def test_a_part_of_a_file_is_sent(tmp_path: Path, offset: int, length: int, part: slice) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(os.urandom(256_000))
    file = File("a.mp4", "video/mp4", path=str(video), offset=offset, length=length)
    with raw_server(says(answer())) as server:
        Http(server.url).post("/append", data={"segment_index": 1}, files={"media": file})

    wanted = video.read_bytes()[part]
    assert file.size == len(wanted)
    assert b"\r\n\r\n" + wanted + b"\r\n--" in server.requests[0]


def test_files_are_sent_as_multipart(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG" * 50_000)
    with raw_server(says(answer())) as server:
        file = File('quo"te.png', "image/png", path=str(picture))

        Http(server.url).post("/api/v2/media", data={"description": "A picture"}, files={"file": file})

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    boundary = head.partition(b"boundary=")[2].partition(b"\r\n")[0]
    assert body == (
        b'--%b\r\nContent-Disposition: form-data; name="description"\r\n\r\nA picture\r\n'
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="quo%%22te.png"\r\n'
        b"Content-Type: image/png\r\n\r\n%b\r\n--%b--\r\n"
    ) % (boundary, boundary, picture.read_bytes(), boundary)


def test_token_stays_with_its_own_origin() -> None:
    with raw_server(says(answer())) as own, raw_server(says(answer())) as other:
        http = Http(own.url, auth=Auth("abc"))

        http.get(f"{own.url}/here")
        http.get(f"{other.url}/there")

    assert b"Authorization" in own.requests[0]
    assert b"Authorization" not in other.requests[0]


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(says(answer())) as server, raw_server(is_silent) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)

        Http(server.url).get("/x")

    assert (len(server.requests), proxy.connections) == (1, 0)


# --- what comes back ---


def test_answer_holds_what_was_said() -> None:
    said = b'HTTP/1.1 422 Nope\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 14\r\n\r\n{"error":"no"}'
    with raw_server(says(said)) as server:
        got = Http(server.url).get("/x", params={"q": "secret"})

    assert (got.status, got.headers["x-a"], got.fields()) == (422, "1, 2", {"error": "no"})
    assert (got.is_ok, got.server_trouble, got.visible) == (False, False, False)
    assert got.url == f"{server.url}/x"


def test_download_is_passed_on_block_by_block() -> None:
    blocks: list[bytes] = []
    data = os.urandom(1_000_000)
    with raw_server(says(answer(data), answer(b"gone", 404))) as server:
        http = Http(server.url)
        got = http.get("/x", into=blocks.append, max_bytes=1_000_000)
        gone = http.get("/y", into=blocks.append)

    assert b"".join(blocks) == data
    assert max(map(len, blocks)) <= 256 * 1024
    assert (got.status, got.body, gone.status, gone.body) == (200, b"", 404, b"gone")
    assert server.connections == 1


def test_download_ends_when_its_taker_has_enough() -> None:
    def refuse(_: bytes) -> None:
        raise LookupError

    with raw_server(says(answer(bytes(1_000_000)))) as server:
        with pytest.raises(LookupError):
            Http(server.url).get("/x", into=refuse)
        Http(server.url).get("/y")

        assert server.connections == 2


@pytest.mark.parametrize(
    "said", [answer(bytes(1_001)), answer(bytes(900), content_encoding="gzip"), answer(bytes(900))[:-1]]
)
def test_download_that_is_not_what_was_asked_for_is_no_answer(said: bytes) -> None:
    with raw_server(says_once(said)) as server, pytest.raises(Unavailable):
        Http(server.url).get("/x", into=lambda _: None, max_bytes=1_000)


def test_redirect_is_an_answer() -> None:
    with raw_server(says(answer(status=302, location="http://127.0.0.1:1/"))) as server:
        got = Http(server.url).get("/x")

    assert (got.status, len(server.requests)) == (302, 1)


def test_compressed_answer_is_read_though_not_asked_for() -> None:
    with raw_server(says(answer(gzip.compress(b'{"a":1}'), content_encoding="gzip"))) as server:
        assert Http(server.url).get("/x").json() == {"a": 1}


def test_header_holds_nothing_that_no_database_keeps() -> None:
    with raw_server(says(answer("{}", location="a\x00b"))) as server:
        assert Http(server.url).get("/x").headers["location"] == "a\ufffdb"


def test_chunked_answer_is_read() -> None:
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[1,2\r\n1\r\n]\r\n0\r\n\r\n"
    with raw_server(says(said)) as server:
        http = Http(server.url)

        assert (http.get("/x").json(), http.get("/y").json()) == ([1, 2], [1, 2])
        assert server.connections == 1


def test_answer_until_the_connection_closes_is_read() -> None:
    with raw_server(says_once(b'HTTP/1.0 200 OK\r\n\r\n{"a":1}')) as server:
        http = Http(server.url)

        assert (http.get("/x").json(), http.get("/y").json()) == ({"a": 1}, {"a": 1})
        assert server.connections == 2


def test_early_answer_to_a_long_upload_counts(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(bytes(20_000_000))

    def refuses(connection: RawConnection) -> None:
        connection.raw.recv(1000)
        connection.send(answer('{"error":"too big"}', 413, connection="close"))
        time.sleep(0.2)
        connection.reset()

    with raw_server(refuses) as server:
        try:
            got = Http(server.url).post("/x", files={"file": File("a.mp4", "video/mp4", path=str(video))})
        except Unavailable:
            return  # the kernel may have thrown the answer away with the reset

    assert got.status == 413


# --- the mark ---


def test_visible_call_without_mark_is_a_bug() -> None:
    with raw_server(says(answer())) as server, pytest.raises(RuntimeError, match="on_visible"):
        Http(server.url).post("/x", visible=True)

    assert server.connections == 0


def test_mark_is_set_after_connecting_and_before_the_first_byte() -> None:
    seen: list[tuple[int, int]] = []
    with raw_server(says(answer())) as server:

        def mark() -> None:
            time.sleep(0.05)
            seen.append((server.connections, len(server.requests)))

        Http(server.url, on_visible=mark).post("/x", visible=True)

    assert (seen, len(server.requests)) == ([(1, 0)], 1)


def test_mark_that_raises_stops_the_call() -> None:
    class LeaseLost(Exception):
        pass

    def mark() -> None:
        raise LeaseLost

    with raw_server(says(answer())) as server:
        with pytest.raises(LeaseLost):
            Http(server.url, on_visible=mark).post("/x", visible=True)
        time.sleep(0.05)

    assert server.requests == []


def test_mark_is_not_set_where_no_connection_is() -> None:
    with raw_server(says(answer())) as server:
        pass
    mark = Mark()

    with pytest.raises(Unavailable) as caught:
        Http(server.url, on_visible=mark).post("/x", visible=True)

    assert (caught.value.code, mark.calls) == ("connection_refused", 0)


def test_mark_that_outlasts_the_deadline_stops_the_call() -> None:
    with raw_server(says(answer())) as server:
        with pytest.raises(Unavailable) as caught:
            Http(server.url, on_visible=lambda: time.sleep(0.3)).post("/x", visible=True, timeout_s=0.2)
        time.sleep(0.05)

    assert (caught.value.code, server.requests) == ("timed_out", [])


# --- sent, or not ---

LIES = {
    "connection_reset": [
        resets,
        closes,
        says_once(b"HTTP/1.1 200 OK\r\ncontent-le"),
        says_once(answer('{"id":"1"}')[:-3]),
        says_once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[1,2"),
    ],
    "unreadable": [
        says_once(b"SSH-2.0-OpenSSH_9.2\r\n"),
        says_once(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        says_once(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n"),
        says_once(answer(b"no gzip", content_encoding="gzip")),
    ],
    "too_large": [
        says_once(answer(b"x" * 2000)),
        says_once(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000),
        says_once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n"),
        says_once(answer(gzip.compress(b"x" * 2000), content_encoding="gzip")),
    ],
    "timed_out": [
        is_silent,
        drips(answer(b"x" * 500), every_s=0.02),
        drips(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100, every_s=0.02),
    ],
}
CASES = [(code, turn) for code, turns in LIES.items() for turn in turns]


@pytest.mark.parametrize(("code", "turn"), CASES)
def test_visible_call_without_trustworthy_answer_is_unknown(code: str, turn: object) -> None:
    with raw_server(turn) as server:  # type: ignore[arg-type]
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown) as caught:
            visible(server.url, timeout_s=0.4, max_bytes=1000)

    assert (caught.value.code, len(server.requests)) == (code, 1)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(("code", "turn"), CASES)
def test_other_call_without_trustworthy_answer_is_unavailable(code: str, turn: object) -> None:
    with raw_server(turn) as server, pytest.raises(Unavailable) as caught:  # type: ignore[arg-type]
        Http(server.url).post("/x", timeout_s=0.4, max_bytes=1000)

    assert caught.value.code == code


def test_json_of_a_visible_success_that_is_none_is_unknown() -> None:
    with raw_server(says(answer("<html>"), answer("<html>", 500), answer("<html>", 404))) as server:
        http = Http(server.url, on_visible=Mark())
        kinds = []
        for _ in range(3):
            with pytest.raises(CallFailed) as caught:
                http.post("/x", visible=True).json()
            kinds.append((type(caught.value), caught.value.code, caught.value.http_status))

    assert kinds == [
        (OutcomeUnknown, "unreadable", 200),
        (OutcomeUnknown, "unreadable", 500),
        (Unavailable, "unreadable", 404),
    ]


def test_request_that_http_does_not_allow_is_not_sent() -> None:
    with raw_server(says(answer())) as server:
        with pytest.raises(Unavailable) as caught:
            Http(server.url, auth=Auth("a\r\nX: y"), on_visible=Mark()).post("/x", visible=True)
        time.sleep(0.05)

    assert (caught.value.code, server.requests) == ("unsendable", [])


def test_long_answer_is_cut_where_only_its_beginning_counts() -> None:
    with raw_server(says(answer(b"x" * 3_000_000), answer(b"short"))) as server:
        long = Http(server.url).post("/", data=b"{}", cut_at=1024)
        short = Http(server.url).post("/", data=b"{}", cut_at=1024)
        again = Http(server.url).post("/", data=b"{}", cut_at=1024)

    assert (long.status, long.body) == (200, b"x" * 1024)
    assert [len(one.body) for one in (short, again)] == [1024, 1024]  # each on a connection of its own
    assert server.connections == 3


def test_short_answer_leaves_the_connection_where_it_was_to_be_cut() -> None:
    with raw_server(says(answer(b"y" * 1024))) as server:
        found = [Http(server.url).post("/", data=b"{}", cut_at=1024).body for _ in range(2)]

    assert (found, server.connections) == ([b"y" * 1024] * 2, 1)


# --- kept connections ---


def test_connection_is_kept() -> None:
    with raw_server(says(answer())) as server:
        for _ in range(3):
            visible(server.url)

    assert (server.connections, len(server.requests)) == (1, 3)


def test_what_nobody_acknowledges_is_given_up_by_the_kernel_too() -> None:
    """A host that was cut off delivers nothing when its cable is back: somebody else may have sent it by then."""
    with raw_server(says(answer())) as server:
        visible(server.url)

    [kept] = connections._kept.by_key.values()
    assert kept.sock is not None
    assert kept.sock.raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000


def test_connection_that_the_server_closed_is_not_used_for_a_visible_call() -> None:
    with raw_server(says_once(answer())) as server:
        visible(server.url)
        time.sleep(0.05)
        visible(server.url)

    assert (server.connections, len(server.requests)) == (2, 2)


def test_connection_that_the_server_closes_during_the_mark_is_not_used() -> None:
    with raw_server(says_once(answer()), says(answer())) as server:
        Http(server.url).get("/x")

        Http(server.url, on_visible=lambda: time.sleep(0.05)).post("/y", visible=True)

    assert (server.connections, len(server.requests)) == (2, 2)


def test_connection_idle_for_long_is_not_used_for_a_visible_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(says(answer())) as server:
        visible(server.url)
        monkeypatch.setattr(connections, "FRESH_S", 0.01)
        time.sleep(0.02)
        visible(server.url)

    assert server.connections == 2


def test_connection_is_not_kept_longer_than_the_server_says() -> None:
    with raw_server(says(answer(keep_alive="timeout=1, max=5"))) as server:
        Http(server.url).get("/x")
        Http(server.url).get("/x")

    assert server.connections == 2


@pytest.mark.parametrize(
    "said", [b"timeout=\xb2", b"timeout=" + b"9" * 5000, b"timeout=-1", b"timeout", b"=,=", b"\xff"]
)
def test_answer_counts_whatever_is_said_of_its_connection(said: bytes) -> None:
    with raw_server(says(answer('{"id": "7"}').replace(b"\r\n", b"\r\nkeep-alive: " + said + b"\r\n", 1))) as server:
        assert visible(server.url).json() == {"id": "7"}
        assert visible(server.url).json() == {"id": "7"}

    assert len(server.requests) == 2


def test_read_on_a_connection_that_breaks_is_tried_once_more() -> None:
    def breaks_on_the_second(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(answer())
        connection.read_request()
        connection.reset()

    with raw_server(breaks_on_the_second, says(answer())) as server:
        Http(server.url).get("/x")
        Http(server.url).get("/y")

    assert (server.connections, [request.split()[1] for request in server.requests]) == (2, [b"/x", b"/y", b"/y"])


def test_write_on_a_connection_that_breaks_is_not_repeated() -> None:
    def breaks_on_the_second(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(answer())
        connection.read_request()
        connection.reset()

    with raw_server(breaks_on_the_second, says(answer())) as server:
        visible(server.url)
        with pytest.raises(OutcomeUnknown):
            visible(server.url)

    assert len(server.requests) == 2


def test_what_may_be_repeated_is_sent_again_when_a_kept_connection_is_closed() -> None:
    with raw_server(says_one_and_resets, says(answer())) as server:
        for _ in range(2):
            assert Http(server.url).post("/", data=b"{}", may_repeat=True).status == 200

    assert (server.connections, len(server.requests)) == (2, 3)


def says_one_and_resets(connection: RawConnection) -> None:
    connection.read_request()
    connection.send(answer())
    connection.read_request()
    connection.reset()


def test_few_connections_are_kept() -> None:
    servers = [raw_server(says(answer())) for _ in range(connections.KEPT_PER_THREAD + 2)]
    for server in servers:
        with server as server:
            Http(server.url).get("/x")

    assert len(connections._kept.by_key) == connections.KEPT_PER_THREAD


def test_what_idle_threads_keep_is_closed_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst makes many threads, each of which would keep its connection for as long as it has nothing to do."""
    monkeypatch.setattr(connections, "SWEEP_S", 0.0)
    with raw_server(says(answer())) as server, ThreadPoolExecutor(3) as idle, ThreadPoolExecutor(1) as busy:
        meet = threading.Barrier(3)

        def call_and_meet(_: int) -> list[connections.Connection]:
            visible(server.url)
            meet.wait(10)
            return list(connections._kept.by_key.values())

        kept = [connection for found in idle.map(call_and_meet, range(3)) for connection in found]
        busy.submit(visible, server.url).result()
        were_open = [connection.sock is not None for connection in kept]
        monkeypatch.setattr(connections, "OLD_S", -1.0)
        busy.submit(visible, server.url).result()

    assert (len(kept), were_open) == (3, [True] * 3)
    assert [connection.sock for connection in kept] == [None] * 3


def test_child_process_does_not_use_its_parents_connections() -> None:
    with raw_server(says(answer())) as server:
        Http(server.url).get("/x")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, str(len(connections._kept.by_key)).encode())
            os._exit(0)
        os.waitpid(child, 0)

        assert (os.read(reader, 10), len(connections._kept.by_key)) == (b"0", 1)
        Http(server.url).get("/x")

    assert server.connections == 1
