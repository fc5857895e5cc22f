"""What outlives a restart: all that people have, and their tokens and links; and what empties it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import store as store_module
from sandbox.platforms import PLATFORMS
from sandbox.snapshot import Damaged, dumps, loads
from sandbox.store import Store, checksum
from sandbox.tests import bluesky, twitter
from sandbox.tests.clients import Client, Control, Server, origin_of, start, wait_until
from sandbox.world import World


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[tuple[Control, subprocess.Popen[str]]]:
    """A simulator that keeps its world in `home`; told to stop at the end of the block."""
    process = start("--port", "0", *arguments, env={**os.environ, "MASTABLASTA_HOME": str(home)})
    try:
        yield Control(origin_of(process)), process
    finally:
        process.terminate()
        output, errors = process.communicate(timeout=10)
    assert (output, errors) == ("", "")


def world_in(folder: Path) -> tuple[World, Store]:
    world = World("http://127.0.0.1:1", PLATFORMS)
    return world, Store(world, folder)


def saved(folder: Path, handle: str = "alice") -> bytes:
    """Keep a world with one person in it; returns the file."""
    world, store = world_in(folder)
    mastodon = world.site("mastodon")
    assert mastodon is not None
    mastodon.site.sign_up(handle)
    world.touch()
    store.save()
    return (folder / "world.json").read_bytes()


@dataclass
class LastRun:
    """What people did in a simulator that has ended: Alice with a picture, Ann on X, Amy on Bluesky, one post each."""

    home: Path
    alice: Client
    ann: twitter.Session
    amy: bluesky.Session
    picture: str
    status: str
    posts: list[dict[str, Any]]


@pytest.fixture(scope="module")
def last_run(tmp_path_factory: pytest.TempPathFactory) -> LastRun:
    home = tmp_path_factory.mktemp("home")
    with running(home) as (control, _):
        alice = Server(control.origin).sign_in("alice")
        picture = alice.upload().json()["id"]
        status = alice.published("Hello", media_ids=[picture], key="k1")["id"]
        ann = twitter.X(control.origin).sign_in("ann")
        ann.posted("Hi")
        amy = bluesky.Service(control).sign_in("amy")
        amy.posted("Good day")
        control.put("instance", platform="mastodon", max_characters=5000)
        return LastRun(home, alice, ann, amy, picture, status, control.posts())


def test_people_tokens_posts_and_links_of_the_last_run_still_work(last_run: LastRun) -> None:
    with running(last_run.home) as (control, _):
        server, alice, ann, amy = last_run.alice.server, last_run.alice, last_run.ann, last_run.amy
        server.origin = ann.x.origin = control.origin
        amy.service.control = control
        same = ("id", "account", "text", "media", "created_at")
        assert [[post[name] for name in same] for post in control.posts()] == [
            [post[name] for name in same] for post in last_run.posts
        ]
        assert alice.published("Hello", media_ids=[last_run.picture], key="k1")["id"] == last_run.status
        assert int(alice.published("Again")["id"]) > int(last_run.status)
        for link in (f"{server.url}/@alice/{last_run.status}", f"{control.origin}/_media/mastodon/{last_run.picture}"):
            assert requests.get(link, timeout=5).status_code == 200
        assert server.token(code=server.code()).status_code == 200  # the app is known
        ann.posted("Hi again")
        amy.posted("Good evening")
        assert control.get("state")["instances"]["mastodon"]["max_characters"] == 5000
        assert len(control.posts()) == 6


def test_world_is_kept_when_it_is_quiet_and_survives_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as (control, process):
        Server(control.origin).sign_in("alice")
        wait_until((tmp_path / "sandbox" / "world.json").exists)
        process.send_signal(signal.SIGKILL)
        process.wait(5)

    world, store = world_in(tmp_path / "sandbox")
    store.load()
    mastodon = world.site("mastodon")
    assert mastodon is not None
    assert list(mastodon.site.people) == ["alice"]


def test_reset_empties_what_is_kept(tmp_path: Path) -> None:
    saved(tmp_path / "sandbox")

    with running(tmp_path) as (control, process):
        control.post("reset")
        assert not (tmp_path / "sandbox" / "world.json").exists()
        process.send_signal(signal.SIGKILL)
        process.wait(5)


def test_forget_begins_with_an_empty_world(tmp_path: Path) -> None:
    saved(tmp_path / "sandbox")

    with running(tmp_path, "--forget") as (control, _):
        assert control.get("state")["instances"] == {}
        assert not (tmp_path / "sandbox" / "world.json").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"\0" * len(data),
        lambda data: data.replace(b"alice", b"mallo"),
        lambda data: rechecked(b"[]"),
        lambda data: rechecked(data.partition(b"\n")[2].replace(b"sandbox.records:Person", b"os:system")),
        lambda data: rechecked(data.partition(b"\n")[2].replace(b"sandbox.records:Person", b"sandbox.records:Gone")),
        lambda data: rechecked(data.partition(b"\n")[2].replace(b'"handle"', b'"hundle"')),
    ],
    ids=[
        "cut off",
        "empty",
        "zeros",
        "changed",
        "another shape",
        "a strange class",
        "an unknown class",
        "a lost field",
    ],
)
def test_damaged_world_is_told_laid_aside_and_begun_afresh(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: object
) -> None:
    data = damage(saved(tmp_path))  # type: ignore[operator]
    (tmp_path / "world.json").write_bytes(data)
    world, store = world_in(tmp_path)

    store.load()

    said = capsys.readouterr().err
    assert said.startswith(f"sandbox: {tmp_path / 'world.json'} is damaged (")
    assert said.endswith("it is kept as world.damaged, and the world begins afresh\n")
    assert (world.sites, (tmp_path / "world.damaged").read_bytes()) == ({}, data)
    assert b"bert" in saved(tmp_path, "bert")


def rechecked(body: bytes) -> bytes:
    return checksum(body) + b"\n" + body


def test_file_is_whole_or_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        saved(tmp_path, "bert")

    assert (tmp_path / "world.json").read_bytes() == before


def test_what_is_kept_is_for_nobody_else(tmp_path: Path) -> None:
    saved(tmp_path / "sandbox")

    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*")}
    assert modes == {"sandbox": "0o700", "files": "0o700", "world.json": "0o600"}


def test_large_world_is_written_at_the_end_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, store = world_in(tmp_path)
    world.files.keep("mastodon", "1", b"\0" * (store_module.MOST_FILE_BYTES + 1))
    world.touch()
    monkeypatch.setattr(store_module, "QUIET_S", -1.0)

    store.look()
    assert not (tmp_path / "world.json").exists()
    store.save()
    assert (tmp_path / "world.json").exists()


def test_folder_that_cannot_be_written_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    world, store = world_in(tmp_path / "taken" / "sandbox")

    for _ in range(2):
        world.touch()
        store.save()

    assert capsys.readouterr().err.count("the world cannot be kept in") == 1


def test_world_that_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    world, store = world_in(tmp_path)
    world.touch()
    store.save()
    (tmp_path / "world.json").unlink()

    store.save()

    assert not (tmp_path / "world.json").exists()


def test_nothing_is_kept_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world = World("http://127.0.0.1:1", PLATFORMS)
    world.touch()

    Store(world, None).save()

    assert list(tmp_path.iterdir()) == []


def test_what_is_none_of_the_simulators_is_not_written() -> None:
    with pytest.raises(TypeError):
        dumps({"path": Path("/")})


def test_objects_stay_one_whoever_refers_to_them() -> None:
    world = World("http://127.0.0.1:1", PLATFORMS)
    site = world.site("mastodon")
    assert site is not None
    person = site.site.sign_up("alice")

    one, other = loads(dumps([person, {("a", 1): (person, b"\0")}]))

    assert other["a", 1][0] is one
    assert (other["a", 1][1], one.handle) == (b"\0", "alice")


def test_bytes_of_another_program_are_damaged() -> None:
    with pytest.raises(Damaged):
        loads(b"{}")
