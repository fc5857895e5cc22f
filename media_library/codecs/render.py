"""Makes renditions of a file as recipes say: a file in, files out. Runs in a process of its own (process.run).

What comes out is looked at once more before it counts: its type, its size in pixels and in bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from PIL import Image

from media_library.codecs import captions, pictures
from media_library.codecs.metadata import Malformed, strip
from media_library.codecs.process import Refused
from media_library.codecs.recipes import GIF, MP4, WEBP, Recipe

WITHOUT_PIXELS = frozenset({"document", "captions"})


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Make everything that is ordered of one file.

    Takes `source` (a path), its `mime_type` and `form`, and in `made` pairs of `recipe` and `to` (a path to write).
    Gives in `made`, in the same order, `mime_type`, `width`, `height`, `duration_s`, `size`, `sha256`. Raises Refused.
    """
    source = Path(order["source"])
    made = []
    for each in order["made"]:
        recipe, to = Recipe.from_json(each["recipe"]), Path(each["to"])
        mime_type = render(source, order["mime_type"], order["form"], recipe, to)
        made.append(_looked_at(to, mime_type, recipe))
    return {"made": made}


def render(source: Path, mime_type: str, form: str, recipe: Recipe, to: Path) -> str:
    """Write to `to` what the recipe asks for and return its type. Raises Refused."""
    if form == "video":
        return _from_video(source, mime_type, recipe, to)
    if form in WITHOUT_PIXELS:
        return _from_text(source, mime_type, recipe, to)
    if form == "animation" and recipe.form == "animation":
        return _from_animation(source, mime_type, recipe, to)
    return _from_image(source, mime_type, recipe, to)


def _from_image(source: Path, mime_type: str, recipe: Recipe, to: Path) -> str:
    with pictures.opened(source, mime_type) as image:
        turned = pictures.orientation(image)
        keeps = "pixels" in recipe.keeps and turned == 1
        if keeps and _stripped(source, mime_type, recipe, to):
            return mime_type
        return pictures.encode(
            pictures.shaped(image, recipe.width, recipe.height, recipe.fit, turned=turned), recipe, to
        )


def _stripped(source: Path, mime_type: str, recipe: Recipe, to: Path) -> bool:
    """Whether the same pixels without metadata do; a decoder has the last word."""
    try:
        strip(source, to, mime_type)
        with pictures.opened(to, mime_type) as image:
            image.load()
            return image.size == (recipe.width, recipe.height) and to.stat().st_size <= recipe.max_bytes
    except (Malformed, Refused):
        return False


def _from_animation(source: Path, mime_type: str, recipe: Recipe, to: Path) -> str:
    with pictures.opened(source, mime_type) as image:
        keeps = "pixels" in recipe.keeps and pictures.orientation(image) == 1
        if keeps and _stripped(source, mime_type, recipe, to):
            return mime_type
        if recipe.mime_type != MP4:
            pictures.encode_animation(image, recipe, to)
            return recipe.mime_type
        from media_library.codecs import video_encode  # PyAV takes a moment, and most orders do without

        durations = [frame.duration_ms for frame in pictures.frames(image, 1, 1, "fit")]
        video_encode.film(
            pictures.frames(image, recipe.width, recipe.height, recipe.fit),
            recipe,
            to,
            quickest_ms=min(durations),
            duration_s=sum(durations) / 1000,
        )
        return MP4


def _from_video(source: Path, mime_type: str, recipe: Recipe, to: Path) -> str:
    from media_library.codecs import video_decode, video_encode

    if recipe.form == "image":
        with video_decode.opened(source, mime_type) as container:
            image = video_decode.poster(container)
        return pictures.encode(pictures.shaped(image, recipe.width, recipe.height, recipe.fit), recipe, to)
    if "pixels" in recipe.keeps and video_encode.remux(source, mime_type, recipe, to):
        return MP4
    video_encode.transcode(source, mime_type, recipe, to)
    if not video_decode.is_as_said(to, recipe):
        raise Refused("media_unreadable", "This video could not be converted. Upload it as MP4 with H.264.")
    return MP4


def _from_text(source: Path, mime_type: str, recipe: Recipe, to: Path) -> str:
    """A document as it is, captions as they are or as WebVTT."""
    if "bytes" in recipe.keeps:
        shutil.copyfile(source, to)
    else:
        to.write_bytes(captions.written_as_vtt(captions.read(source.read_bytes(), mime_type)))
    return recipe.mime_type


# --- what came out ---
def _looked_at(path: Path, mime_type: str, recipe: Recipe) -> dict[str, Any]:
    size = path.stat().st_size
    if not 0 < size <= recipe.max_bytes:
        raise pictures.too_large(recipe)
    facts: dict[str, Any] = {"mime_type": mime_type, "size": size, "duration_s": None}
    if mime_type == MP4:
        from media_library.codecs import video_decode

        facts |= {"width": recipe.width, "height": recipe.height, "duration_s": video_decode.duration_s(path)}
    elif recipe.form in WITHOUT_PIXELS:
        facts |= {"width": 0, "height": 0}
    else:
        facts |= _picture_facts(path, mime_type, recipe)
    with path.open("rb+") as file:
        facts["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())  # the row that names it is as durable
    return facts


def _picture_facts(path: Path, mime_type: str, recipe: Recipe) -> dict[str, Any]:
    with Image.open(path, formats=pictures.FORMATS[mime_type]) as image:
        found: dict[str, Any] = {"width": image.width, "height": image.height}
        if recipe.form == "animation" and mime_type in (GIF, WEBP):
            durations = []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                image.load()  # WebP tells durations only then
                durations.append(int(image.info.get("duration") or 0))
            found["duration_s"] = sum(durations) / 1000
    return found
