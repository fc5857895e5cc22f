"""What is to be made of a file so that somebody takes it: decided from facts alone, before a byte is read.

An original never leaves: it may tell who took it, with what and where. `plan` gives the recipe for what does leave.
What fits already keeps its pixels and loses only what it tells; all else is encoded again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mastablasta.core.errors import FieldProblem, summary
from mastablasta.core.media_rules import CaptionRule, DocumentRule, ImageRule, MediaRule, VideoRule
from media_library.codecs import problems
from media_library.codecs.captions import SRT, VTT
from media_library.codecs.geometry import Bounds

if TYPE_CHECKING:
    from media_library.models import Asset

Fit = Literal["fit", "pad", "crop"]

WEB = "web"  # the recipe key of the preview that every file has
WEB_SIDE, THUMBNAIL_SIDE = 2048, 400
JPEG, PNG, WEBP, GIF, MP4 = "image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4"
PDF = "application/pdf"
EXTENSIONS = {JPEG: "jpg", PNG: "png", WEBP: "webp", GIF: "gif", MP4: "mp4", PDF: "pdf", SRT: "srt", VTT: "vtt"}

MADE_STILL = (JPEG, PNG, WEBP)
MADE_MOVING = (GIF, WEBP)
SHOWN_RIGHTLY = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", ""}  # modes that everybody shows alike; not CMYK
WITH_ALPHA = {"RGBA", "LA", "PA", "La", "RGBa"}

MOST_PIXELS = 1920 * 1088  # of a video that is encoded again
FEWEST_PIXELS = 320 * 240
BITS_A_PIXEL = 0.03  # fewer than that and H.264 turns to blocks: a smaller picture looks better
FEWEST_BITS_S = 120_000
SOUND_BITS_S = 128_000
MOST_SOUND_HZ = 48_000
CONTAINER_SHARE = 0.96  # of the bytes are left for pictures and sound
USUAL_FPS, MOST_FPS = 30.0, 60.0


@dataclass(frozen=True, slots=True)
class Original:
    """What is known of an uploaded file: `width`, `height` as people see it; `facts` as inspection.py lists them."""

    form: str
    mime_type: str
    size: int
    width: int
    height: int
    duration_s: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, asset: Asset) -> Original:
        return cls(
            form=asset.form,
            mime_type=asset.mime_type,
            size=asset.size,
            width=asset.width,
            height=asset.height,
            duration_s=asset.duration_s,
            facts=asset.facts,
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make one form of one file. Equal recipes have equal keys.

    `form`, `width`, `height`: of what is made: image, animation or video, in pixels, or document or captions, which
    have none. An encoded picture may come out smaller, in the same shape, when that is what `max_bytes` takes. `keeps`:
    "pixels", "sound", taken over as they are encoded, or "bytes": the file as it is. `spare_type`: made instead when
    the picture is opaque and too large as `mime_type`. `max_fps`: of a video that is encoded again. `max_duration_s`:
    of one that is nearly so long. `min_*`, `max_aspect`: for smaller ones.
    """

    form: str
    mime_type: str
    width: int
    height: int
    max_bytes: int
    fit: Fit = "fit"
    keeps: tuple[str, ...] = ()
    spare_type: str = ""
    max_fps: float | None = None
    max_duration_s: float | None = None
    min_width: int = 1
    min_height: int = 1
    min_aspect: float = 0.0
    max_aspect: float | None = None

    @property
    def key(self) -> str:
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "keeps": list(self.keeps)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        return cls(**{**data, "keeps": tuple(data.get("keeps", ()))})

    def smaller(self, share: float) -> tuple[int, int] | None:
        """About `share` of width and height, in a shape and size that the rule takes; None when there is none."""
        width, height = self.width * share, self.height * share
        bounds = Bounds(
            max_width=width,
            max_height=height,
            max_pixels=math.inf,
            min_width=self.min_width,
            min_height=self.min_height,
            min_aspect=self.min_aspect,
            max_aspect=math.inf if self.max_aspect is None else self.max_aspect,
            step=2 if self.mime_type == MP4 else 1,
        )
        made = bounds.within(width, height)
        return made if bounds.hold(*made) else None


class CannotFit(Exception):
    """Nothing can be made that the rule takes. `problems` have no field: the caller knows where the file stands."""

    def __init__(self, *problems: FieldProblem) -> None:
        super().__init__(summary(problems))
        self.problems = problems


def plan(original: Original, rule: MediaRule, *, fit: str = "fit") -> Recipe:
    """Return how to make what `rule` takes of this file. Raises CannotFit.

    A shape that is not taken is refused with `fit` "fit", gets bars with "pad", and is cut from both sides with "crop".
    """
    if original.form == "video":
        if rule.videos is None:
            raise CannotFit(problems.not_taken("videos", "a picture"))
        return _plan_video(original, rule.videos, _known(fit))
    if original.form == "animation":
        if rule.animations is None:
            raise CannotFit(problems.not_taken("animated pictures", "a still picture or a video"))
        return _plan_animation(original, rule.animations, _known(fit))
    if original.form == "document":
        if rule.documents is None:
            raise CannotFit(problems.not_taken("documents", "pictures or a video"))
        return _plan_document(original, rule.documents)
    if original.form == "captions":
        if rule.captions is None:
            raise CannotFit(problems.not_taken("captions", "a picture or a video"))
        return _plan_captions(original, rule.captions)
    if rule.images is None:
        raise CannotFit(problems.not_taken("pictures", "a video"))
    return _plan_image(original, rule.images, _known(fit))


def losses(original: Original, recipe: Recipe) -> list[FieldProblem]:
    """What somebody would miss who knows the original: motion, transparency, a wide range of light, surround sound."""
    facts, is_encoded = original.facts, "pixels" not in recipe.keeps
    found = []
    if original.form == recipe.form == "image" and facts.get("frames", 1) > 1:
        found.append(problems.motion_is_lost())
    if is_encoded and _has_alpha(facts) and recipe.mime_type in (JPEG, MP4):
        found.append(problems.transparency_is_lost())
    if is_encoded and facts.get("is_hdr"):
        found.append(problems.light_is_lost())
    if recipe.form == "video" and "sound" not in recipe.keeps and facts.get("channels", 0) > 2:
        found.append(problems.surround_is_lost())
    return found


def plan_web(original: Original) -> Recipe:
    """The preview: at most 2048 pixels a side; of a video, a picture from it."""
    rule = ImageRule((JPEG, PNG, WEBP), max_bytes=3_000_000, max_width=WEB_SIDE, max_height=WEB_SIDE)
    if original.form == "video":
        return _still_from(original, rule)
    if original.form == "animation":
        moving = ImageRule(MADE_MOVING, max_bytes=10_000_000, max_width=WEB_SIDE, max_height=WEB_SIDE)
        return _plan_animation(original, moving, "fit")
    return _plan_image(original, rule, "fit")


def plan_thumbnail(original: Original) -> Recipe:
    """A small JPEG, on white; of what moves, a picture from it."""
    rule = ImageRule((JPEG,), max_bytes=200_000, max_width=THUMBNAIL_SIDE, max_height=THUMBNAIL_SIDE)
    return _still_from(original, rule)


# --- kinds ---
def _plan_image(original: Original, rule: ImageRule, fit: Fit) -> Recipe:
    width, height = _canvas(original, Bounds.of(rule), fit)
    facts = original.facts
    if (
        original.mime_type in rule.mime_types
        and original.size <= rule.max_bytes
        and (width, height) == (original.width, original.height)
        and facts.get("orientation", 1) == 1
        and facts.get("mode", "") in SHOWN_RIGHTLY
    ):
        # the rule's own limit of bytes would only make two recipes of one
        return Recipe("image", original.mime_type, width, height, original.size, keeps=("pixels",))
    made = [mime_type for mime_type in rule.mime_types if mime_type in MADE_STILL]
    if not made:
        raise CannotFit(problems.no_type(rule.mime_types))
    first, spare = made[0], ""
    lossy = next((mime_type for mime_type in made if mime_type != PNG), "")
    if _has_alpha(facts):
        first = PNG if PNG in made else WEBP if WEBP in made else first
        spare = lossy if first == PNG else ""
    elif original.mime_type in (PNG, GIF) and PNG in made:  # drawings and screens, most likely
        first, spare = PNG, lossy
    return Recipe("image", first, width, height, rule.max_bytes, fit=fit, spare_type=spare, **_kept_to(rule))


def _plan_animation(original: Original, rule: ImageRule, fit: Fit) -> Recipe:
    if rule.mime_types[:1] == (MP4,):
        width, height = _canvas(original, Bounds.of(rule, step=2, most_pixels=MOST_PIXELS), fit)
        return Recipe("animation", MP4, width, height, rule.max_bytes, fit=fit, **_kept_to(rule))
    frames = max(1, int(original.facts.get("frames", 1)))
    if rule.max_frames is not None and frames > rule.max_frames:
        raise CannotFit(problems.too_many_frames(frames, rule.max_frames))
    most_pixels = rule.max_pixels_in_all and rule.max_pixels_in_all // frames
    width, height = _canvas(original, Bounds.of(rule, most_pixels=most_pixels), fit)
    if (
        original.mime_type in rule.mime_types
        and original.size <= rule.max_bytes
        and (width, height) == (original.width, original.height)
        and original.facts.get("orientation", 1) == 1
    ):
        return Recipe("animation", original.mime_type, width, height, original.size, keeps=("pixels",))
    made = [mime_type for mime_type in rule.mime_types if mime_type in MADE_MOVING]
    if not made:
        raise CannotFit(problems.no_type(rule.mime_types))
    first = original.mime_type if original.mime_type in made else made[0]
    return Recipe("animation", first, width, height, rule.max_bytes, fit=fit, **_kept_to(rule))


def _kept_to(rule: ImageRule) -> dict[str, Any]:
    """What a picture that has to be made smaller still for its bytes must keep to."""
    return {
        "min_width": rule.min_width or 1,
        "min_height": rule.min_height or 1,
        "min_aspect": rule.min_aspect or 0.0,
        "max_aspect": rule.max_aspect,
    }


def _plan_video(original: Original, rule: VideoRule, fit: Fit) -> Recipe:
    if found := problems.duration_problems(original.duration_s, rule):
        raise CannotFit(*found)
    if MP4 not in rule.mime_types:
        raise CannotFit(problems.no_type(rule.mime_types))
    facts = original.facts
    keeps_sound = (
        facts.get("audio_codec", "") in ("", *rule.audio_codecs)
        and facts.get("channels", 0) <= 2
        and facts.get("sample_rate", 0) <= MOST_SOUND_HZ
        and facts.get("audio_profile", "") in ("", "LC")
    )
    kept_to: dict[str, Any] = {
        "max_fps": rule.max_fps,
        "max_duration_s": _near(rule.max_duration_s, original.duration_s),
    }
    if _keeps_pixels(original, rule, fit):
        keeps = ("pixels", "sound") if keeps_sound else ("pixels",)
        return Recipe("video", MP4, original.width, original.height, rule.max_bytes, keeps=keeps, **kept_to)
    fps = min(float(facts.get("fps") or USUAL_FPS), rule.max_fps or MOST_FPS)
    most_pixels = min(MOST_PIXELS, _affordable_pixels(original, rule, fps))
    width, height = _canvas(original, Bounds.of(rule, step=2, most_pixels=most_pixels), fit)
    return Recipe("video", MP4, width, height, rule.max_bytes, fit=fit, **kept_to)


def _plan_document(original: Original, rule: DocumentRule) -> Recipe:
    if original.mime_type not in rule.mime_types:
        raise CannotFit(problems.no_type(rule.mime_types))
    if original.size > rule.max_bytes:
        raise CannotFit(problems.too_large("document", original.size, rule.max_bytes))
    pages = int(original.facts.get("pages", 0))
    if rule.max_pages is not None and pages > rule.max_pages:
        raise CannotFit(problems.too_many_pages(pages, rule.max_pages))
    return Recipe("document", original.mime_type, 0, 0, original.size, keeps=("bytes",))


def _plan_captions(original: Original, rule: CaptionRule) -> Recipe:
    """As they are, or made into WebVTT; how large that will be was found out when they were uploaded."""
    is_kept = original.mime_type in rule.mime_types
    if not is_kept and VTT not in rule.mime_types:
        raise CannotFit(problems.no_type(rule.mime_types))
    size = original.size if is_kept else int(original.facts.get("vtt_bytes", original.size))
    if size > rule.max_bytes:
        raise CannotFit(problems.too_large("captions file", size, rule.max_bytes))
    if is_kept:
        return Recipe("captions", original.mime_type, 0, 0, original.size, keeps=("bytes",))
    return Recipe("captions", VTT, 0, 0, rule.max_bytes)


def _near(limit_s: float | None, duration_s: float | None) -> float | None:
    """The limit, where what is made could by a frame be longer than it."""
    if limit_s is None or (duration_s is not None and duration_s < limit_s - 1):
        return None
    return limit_s


def _keeps_pixels(original: Original, rule: VideoRule, fit: Fit) -> bool:
    facts = original.facts
    return (
        facts.get("container") in ("mp4", "mov", "quicktime")
        and facts.get("video_codec") in rule.video_codecs
        and facts.get("pixel_format") == "yuv420p"
        and facts.get("rotation", 0) == 0
        and facts.get("pixel_aspect", 1) == 1
        and not facts.get("is_interlaced")
        and not facts.get("is_hdr")
        and not facts.get("has_open_gop")
        and (rule.max_fps is None or 0 < float(facts.get("fps") or 0) <= rule.max_fps)
        and original.size <= rule.max_bytes
        and _canvas(original, Bounds.of(rule), fit) == (original.width, original.height)
    )


def _affordable_pixels(original: Original, rule: VideoRule, fps: float) -> int:
    """How many pixels a frame may have, so that the bytes suffice for a decent look."""
    bits_s = video_bits_s(rule.max_bytes, original.duration_s or 0.0, has_sound=original.facts.get("has_audio", True))
    if bits_s < FEWEST_BITS_S:
        raise CannotFit(problems.too_long_for_its_bytes(original, rule.max_bytes))
    return max(FEWEST_PIXELS, int(bits_s / (fps * BITS_A_PIXEL)))


def video_bits_s(max_bytes: int, duration_s: float, *, has_sound: bool) -> float:
    """Bits a second that pictures may take so that the file stays under `max_bytes`."""
    return max_bytes * 8 * CONTAINER_SHARE / max(duration_s, 1.0) - (SOUND_BITS_S if has_sound else 0)


def _still_from(original: Original, rule: ImageRule) -> Recipe:
    width, height = _canvas(original, Bounds.of(rule), "fit")
    return Recipe("image", JPEG, width, height, rule.max_bytes)


def _has_alpha(facts: Mapping[str, Any]) -> bool:
    return bool(facts.get("has_alpha", facts.get("mode", "") in WITH_ALPHA))


def _known(fit: str) -> Fit:
    if fit == "pad":
        return "pad"
    return "crop" if fit == "crop" else "fit"


# --- how large ---
def _canvas(original: Original, bounds: Bounds, fit: Fit) -> tuple[int, int]:
    """The size of what is made. Raises CannotFit."""
    width, height = float(original.width), float(original.height)
    if bounds.hold(original.width, original.height):
        return original.width, original.height
    aspect = width / height
    wanted = min(max(aspect, bounds.min_aspect), bounds.max_aspect)
    if wanted != aspect:
        if fit == "fit":
            raise CannotFit(problems.wrong_shape(original, bounds))
        if (wanted > aspect) == (fit == "pad"):
            width = height * wanted
        else:
            height = width / wanted
    if fit == "pad":
        grow = max(bounds.min_width, width), max(bounds.min_height, height)
        width, height = max(grow[0], grow[1] * bounds.min_aspect), max(grow[1], grow[0] / bounds.max_aspect)
    made = bounds.within(width, height)
    if not bounds.hold(*made):
        raise CannotFit(problems.too_small(original, bounds, fit))
    return made
