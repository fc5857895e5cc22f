"""Why a file is not taken, and what to do about it. Without a field: the caller knows where the file stands."""

from __future__ import annotations

import math
from typing import Protocol

from mastablasta.core.errors import FieldProblem
from mastablasta.core.media_rules import VideoRule
from media_library.codecs.geometry import Bounds


class Sized(Protocol):
    """What a refusal names of a file."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def duration_s(self) -> float | None: ...


def too_long_for_its_bytes(original: Sized, max_bytes: int) -> FieldProblem:
    text = f"This video is too long to be squeezed into {_size(max_bytes)}. Shorten it."
    return FieldProblem("", "media_cannot_fit", text, {"duration_s": original.duration_s, "max_bytes": max_bytes})


# --- what is lost when a file is brought into a form: a warning each ---
def motion_is_lost() -> FieldProblem:
    text = "Only its first picture is sent: an animated PNG is shown as a still. Save it as a GIF to keep it moving."
    return FieldProblem("", "motion_lost", text, {})


def transparency_is_lost() -> FieldProblem:
    return FieldProblem("", "transparency_lost", "What is transparent in it becomes white.", {})


def light_is_lost() -> FieldProblem:
    text = "Its high dynamic range is brought into the usual one; bright places may look flatter."
    return FieldProblem("", "dynamic_range_lost", text, {})


def surround_is_lost() -> FieldProblem:
    return FieldProblem("", "surround_lost", "Its surround sound becomes stereo.", {})


# --- why a file is not taken ---
def not_taken(what: str, instead: str) -> FieldProblem:
    return FieldProblem("", "media_kind_not_supported", f"No {what} are taken here. Use {instead}.", {})


def too_many_frames(frames: int, limit: int) -> FieldProblem:
    text = f"This animation has {frames:,} frames; at most {limit:,} are taken. Shorten it, or upload it as a video."
    return FieldProblem("", "media_cannot_fit", text, {"frames": frames, "limit": limit})


def too_many_pages(pages: int, limit: int) -> FieldProblem:
    text = f"This document has {pages:,} pages; at most {limit:,} are taken. Leave some out."
    return FieldProblem("", "media_cannot_fit", text, {"pages": pages, "limit": limit})


def too_large(what: str, size: int, max_bytes: int) -> FieldProblem:
    text = f"This {what} has {size:,} bytes; at most {max_bytes:,} are taken. Use a smaller one."
    return FieldProblem("", "media_cannot_fit", text, {"size": size, "max_bytes": max_bytes})


def no_type(mime_types: tuple[str, ...]) -> FieldProblem:
    taken = ", ".join(mime_types)
    return FieldProblem(
        "",
        "media_cannot_fit",
        f"Only {taken} are taken here, which cannot be made of this file. Upload one.",
        {"mime_types": list(mime_types)},
    )


def duration_problems(duration_s: float | None, rule: VideoRule) -> list[FieldProblem]:
    problems = []
    if duration_s is not None and rule.max_duration_s is not None and duration_s > rule.max_duration_s:
        text = f"This video takes {_time(duration_s)}; at most {_time(rule.max_duration_s)} are taken. Shorten it."
        limits = {"duration_s": duration_s, "max_duration_s": rule.max_duration_s}
        problems.append(FieldProblem("", "media_too_long", text, limits))
    if duration_s is not None and rule.min_duration_s is not None and duration_s < rule.min_duration_s:
        text = (
            f"This video takes {_time(duration_s)}; at least {_time(rule.min_duration_s)} are needed. Use a longer one."
        )
        limits = {"duration_s": duration_s, "min_duration_s": rule.min_duration_s}
        problems.append(FieldProblem("", "media_too_short", text, limits))
    return problems


def wrong_shape(original: Sized, bounds: Bounds) -> FieldProblem:
    low = f"{bounds.min_aspect:.3g}:1" if bounds.min_aspect else ""
    high = f"{bounds.max_aspect:.3g}:1" if bounds.max_aspect != math.inf else ""
    taken = f"between {low} and {high}" if low and high else f"of {low} and more" if low else f"up to {high}"
    text = (
        f"This file is {original.width} x {original.height} pixels, {original.width / original.height:.3g}:1; "
        f"shapes {taken} are taken. Choose pad (bars are added) or crop (edges are cut off)."
    )
    limits = {
        "width": original.width,
        "height": original.height,
        "min_aspect": bounds.min_aspect or None,
        "max_aspect": None if bounds.max_aspect == math.inf else bounds.max_aspect,
    }
    return FieldProblem("", "media_cannot_fit", text, limits)


def too_small(original: Sized, bounds: Bounds, fit: str) -> FieldProblem:
    text = (
        f"This file is {original.width} x {original.height} pixels; at least {bounds.min_width} x {bounds.min_height} "
        f"are needed. Use a larger one{', or choose pad (bars are added)' if fit != 'pad' else ''}."
    )
    limits = {
        "width": original.width,
        "height": original.height,
        "min_width": bounds.min_width,
        "min_height": bounds.min_height,
    }
    return FieldProblem("", "media_too_small", text, limits)


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 600 else f"{seconds / 60:.3g} min"


def _size(size: int) -> str:
    return f"{size / 1_000_000:.3g} MB"
