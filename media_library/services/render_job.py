"""One claimed row: its files made by a decoder at arm's length, and put into the storage. Without the database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import structlog

from media_library.codecs import process
from media_library.codecs.recipes import EXTENSIONS, WEB, Original, Recipe, plan_thumbnail, plan_web
from media_library.models import Asset, Rendition
from media_library.services import files

log = structlog.get_logger(__name__)

RENDERER = "media_library.codecs.render"
MEMORY_BYTES = 2 * 1024**3
STORAGE_AWAY = timedelta(seconds=15)  # until it is tried again
GONE = "The file is gone from the storage. Upload it again."
BROKE_DOWN = "The program that makes it broke down on this file."


@dataclass(frozen=True, slots=True)
class WorkerClass:
    """One kind of work; each has one decoder at a time."""

    name: str
    timeout_s: float
    niceness: int


class Stopped(Exception):
    """The decoder is to end: told to stop, or the lease is lost."""


@dataclass(slots=True)
class RenderJob:
    """A claimed row, and what its thread makes of it. `row.asset`, or the row itself, is the file."""

    row: Asset | Rendition
    asset: Asset
    lane: WorkerClass
    lease: datetime
    tries: int
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    outcome: Outcome | None = None

    def go_on(self) -> None:
        if self.stop.is_set():
            raise Stopped


@dataclass(frozen=True, slots=True)
class Made:
    """A file in the storage, with the facts that its row takes."""

    recipe: Recipe
    name: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: what was made, or why nothing was.

    `counts`: whether it used up a try; not when we were told to stop, or the storage was away.
    """

    made: tuple[Made, ...] = ()
    reason: str = ""
    is_final: bool = False
    counts: bool = True
    wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class _Thing:
    """One file to make, and its name in the storage without the ending."""

    recipe: Recipe
    name: str


def _things(row: Asset | Rendition) -> list[_Thing]:
    asset = row if isinstance(row, Asset) else row.asset
    owner = PurePosixPath(asset.stored_name).parent.name or "shared"
    renditions = f"renditions/{owner}/{asset.id.hex}"
    if isinstance(row, Rendition):
        return [_Thing(Recipe.from_json(row.recipe), f"{renditions}_{row.recipe_key[:12]}")]
    original = Original.of(asset)
    return [
        _Thing(plan_thumbnail(original), f"thumbnails/{owner}/thumb_{asset.id.hex}"),
        _Thing(plan_web(original), f"{renditions}_{WEB}"),
    ]


def make(job: RenderJob) -> Outcome:
    """Make it and put it into the storage; in a thread, without the database."""
    try:
        return _try_to_make(job)
    except Stopped:
        return Outcome(counts=False)
    except StorageAway as away:
        log.error("media_storage_fails", asset=str(job.asset.id), error=str(away))  # noqa: TRY400  an outage is no traceback
        return Outcome(counts=False, wait=STORAGE_AWAY)
    except process.DecoderFailed as failure:
        log.warning("media_failed", asset=str(job.asset.id), code=failure.code, detail=failure.detail, tries=job.tries)
        return Outcome(reason=failure.reason, is_final=failure.is_final)
    except Exception:
        log.exception("media_crashed", asset=str(job.asset.id), tries=job.tries)
        return Outcome(reason=BROKE_DOWN)


def _try_to_make(job: RenderJob) -> Outcome:
    things = _things(job.row)
    with ExitStack() as stack:
        try:
            with _storage():
                source = stack.enter_context(files.local(job.asset.stored_name))
                paths = [stack.enter_context(files.scratch()) for _ in things]
        except FileNotFoundError:
            return Outcome(reason=GONE, is_final=True)
        if not source.is_file():
            return Outcome(reason=GONE, is_final=True)
        order = {
            "source": str(source),
            "mime_type": job.asset.mime_type,
            "form": job.asset.form,
            "made": [
                {"recipe": thing.recipe.to_json(), "to": str(path)} for thing, path in zip(things, paths, strict=True)
            ],
        }
        answer = process.run(
            RENDERER,
            order,
            timeout_s=job.lane.timeout_s,
            memory_bytes=MEMORY_BYTES,
            niceness=job.lane.niceness,
            on_wait=job.go_on,
        )
        job.go_on()
        with _storage():
            return Outcome(made=tuple(_kept(*each) for each in zip(things, paths, answer["made"], strict=True)))


def _kept(thing: _Thing, path: Path, facts: dict[str, Any]) -> Made:
    name = f"{thing.name}.{EXTENSIONS[facts['mime_type']]}"
    files.discard([name])  # of one who was killed before the row knew of it
    return Made(thing.recipe, files.keep(path, name), facts)


class StorageAway(Exception):
    """The storage does not answer, or is full: no fault of the file."""


@contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        raise StorageAway(f"{type(error).__name__}: {error}") from error
