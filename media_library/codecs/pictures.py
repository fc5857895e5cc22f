"""Pictures by Pillow: opened, turned upright, brought into shape and sRGB, and encoded within so many bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageCms, UnidentifiedImageError

from media_library.codecs.process import Refused
from media_library.codecs.recipes import GIF, JPEG, PNG, WEBP, Recipe

Image.MAX_IMAGE_PIXELS = 120_000_000  # uploads are held to less; twice this is an error
FORMATS = {JPEG: ("JPEG", "MPO"), PNG: ("PNG",), WEBP: ("WEBP",), GIF: ("GIF",)}
QUALITIES = (88, 80, 70, 60)
SMALLEST_SHARE = 0.2
WHITE = (255, 255, 255)
BLANK: dict[str, tuple[int, ...]] = {"L": (255,), "RGB": WHITE, "RGBA": (*WHITE, 255), "CMYK": (0, 0, 0, 0)}
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
QUICK_FRAME_MS, USUAL_FRAME_MS = 20, 100  # browsers show a frame that claims to be quicker for as long as the latter


@contextmanager
def opened(path: Path, mime_type: str) -> Iterator[Image.Image]:
    """The picture at `path`, as the type it was judged to be and no other. Raises Refused, also later, on decoding."""
    try:
        with Image.open(path, formats=FORMATS[mime_type]) as image:
            yield image
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, EOFError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's fault, not the picture's
            raise
        raise Refused("media_unreadable", "This picture is damaged and cannot be read. Upload it again.") from error


def orientation(image: Image.Image) -> int:
    """How it is stored, 1 to 8, as EXIF says."""
    found = image.getexif().get(ORIENTATION, 1)
    return found if found in UPRIGHT else 1


# --- shape and colours ---
def shaped(image: Image.Image, width: int, height: int, fit: str, *, turned: int = 1) -> Image.Image:
    """It, upright, in sRGB (L, RGB or RGBA), exactly so large; `turned` is its orientation."""
    if turned >= 5:
        width, height = height, width
    if image.format in FORMATS[JPEG]:
        image.draft(image.mode, _drawn_size(image.size, width, height, fit))
    image = _plain(image)
    image = _to_srgb(image, _placed(image, width, height, fit))
    if turned in UPRIGHT:
        image = image.transpose(UPRIGHT[turned])
    image.info = {}  # Pillow would write some of it again
    return image


def _scale(size: tuple[int, int], width: int, height: int, fit: str) -> float:
    across, down = width / size[0], height / size[1]
    return max(across, down) if fit == "crop" else min(across, down, 1.0)


def _drawn_size(size: tuple[int, int], width: int, height: int, fit: str) -> tuple[int, int]:
    if fit == "fit":
        return width, height
    scale = _scale(size, width, height, fit)
    return math.ceil(size[0] * scale), math.ceil(size[1] * scale)


def _placed(image: Image.Image, width: int, height: int, fit: str) -> Image.Image:
    if image.size == (width, height):
        return image
    if fit == "fit":
        return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if fit == "crop":
        scale = _scale(image.size, width, height, fit)
        over = (image.width - width / scale) / 2, (image.height - height / scale) / 2
        box = (over[0], over[1], image.width - over[0], image.height - over[1])
        return image.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    scale = _scale(image.size, width, height, fit)
    inner = max(1, min(width, round(image.width * scale))), max(1, min(height, round(image.height * scale)))
    small = image if image.size == inner else image.resize(inner, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _on_bars(small, width, height)


def _on_bars(image: Image.Image, width: int, height: int) -> Image.Image:
    corner = (width - image.width) // 2, (height - image.height) // 2
    canvas = Image.new(image.mode, (width, height), BLANK[image.mode])
    canvas.paste(image, corner)
    canvas.info = image.info
    return canvas


def _plain(image: Image.Image) -> Image.Image:
    """In a mode that can be scaled: L, RGB, RGBA or CMYK, with its profile."""
    info = image.info
    if image.mode.startswith("I") or image.mode == "F":
        whole = image.convert("I")
        image = whole.point(lambda value: value * (1 / 257)).convert("L")
    elif image.mode in ("LA", "PA", "RGBa", "La") or "transparency" in info:
        image = image.convert("RGBA")
    elif image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    image.info = {"icc_profile": info["icc_profile"]} if info.get("icc_profile") else {}
    return image


def _to_srgb(image: Image.Image, placed: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile:
        try:
            return _converted(placed, profile)
        except (ImageCms.PyCMSError, ValueError, OSError):  # a broken profile: as if there were none
            pass
    return placed.convert("RGB") if placed.mode == "CMYK" else placed


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    srgb = ImageCms.createProfile("sRGB")
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    space = given.profile.xcolor_space.strip()
    mode = {"GRAY": "L", "CMYK": "CMYK", "RGB": "RGB"}.get(space)
    if mode is None or (mode == "CMYK") != (image.mode == "CMYK"):
        raise ValueError("a profile of other colours")
    made = ImageCms.profileToProfile(image.convert(mode), given, srgb, outputMode="RGB")
    assert made is not None  # noqa: S101  it is only with inPlace
    if alpha is not None:
        made.putalpha(alpha)
    return made


def flattened(image: Image.Image) -> Image.Image:
    """It on white, where it is see-through."""
    if image.mode != "RGBA":
        return image
    canvas = Image.new("RGB", image.size, WHITE)
    canvas.paste(image, mask=image.getchannel("A"))
    return canvas


def is_opaque(image: Image.Image) -> bool:
    return image.mode != "RGBA" or image.getchannel("A").getextrema()[0] == 255


# --- encoding within so many bytes ---
def encode(image: Image.Image, recipe: Recipe, to: Path) -> str:
    """Write a picture that is `shaped`, no larger than the recipe's bytes; returns its type. Raises Refused."""
    mime_type = recipe.mime_type
    if mime_type == PNG and is_opaque(image):
        image = flattened(image)
    if mime_type == JPEG:
        image = flattened(image)
    if _save(image, mime_type, to, recipe.max_bytes):
        return mime_type
    if recipe.spare_type and is_opaque(image):
        mime_type = recipe.spare_type
        if _save(image, mime_type, to, recipe.max_bytes):
            return mime_type
    share = 1.0
    while True:
        share *= min(0.9, max(0.5, 0.97 * math.sqrt(recipe.max_bytes / max(1, to.stat().st_size))))
        size = recipe.smaller(share)
        if share < SMALLEST_SHARE or size is None:
            raise too_large(recipe)
        if _save(image.resize(size, Image.Resampling.LANCZOS), mime_type, to, recipe.max_bytes):
            return mime_type


def too_large(recipe: Recipe) -> Refused:
    limit = f"{recipe.max_bytes / 1_000_000:.3g} MB"
    return Refused("media_cannot_fit", f"It cannot be made as small as {limit} and look right. Use a simpler one.")


def _save(image: Image.Image, mime_type: str, to: Path, max_bytes: int) -> bool:
    """Write it, as good as `max_bytes` allow; False when the last try is still larger."""
    if mime_type == PNG:
        image.save(to, "PNG")
        return to.stat().st_size <= max_bytes
    for quality in QUALITIES:
        if mime_type == JPEG:
            image.save(to, "JPEG", quality=quality, optimize=True, progressive=True)
        else:
            image.save(to, "WEBP", quality=quality, method=4)
        if to.stat().st_size <= max_bytes:
            return True
    return False


# --- what moves ---
@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of an animation, complete in itself, and how long it is shown."""

    image: Image.Image
    duration_ms: int


def frames(image: Image.Image, width: int, height: int, fit: str) -> Iterator[Frame]:
    """Every picture of an animation, `shaped`."""
    turned = orientation(image)
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        duration_ms = int(image.info.get("duration") or 0)
        made = shaped(image.convert("RGBA"), width, height, fit, turned=turned)
        yield Frame(made, duration_ms if duration_ms >= QUICK_FRAME_MS else USUAL_FRAME_MS)


def encode_animation(image: Image.Image, recipe: Recipe, to: Path) -> None:
    """Write an animation as GIF or WebP, no larger than the recipe's bytes. Raises Refused."""
    loop = {"loop": image.info["loop"]} if "loop" in image.info else {}
    share, size = 1.0, (recipe.width, recipe.height)
    while True:
        made = list(frames(image, *size, recipe.fit))
        pictures = [frame.image for frame in made]
        how = {"save_all": True, "duration": [frame.duration_ms for frame in made], **loop}
        if recipe.mime_type == WEBP:
            pictures[0].save(to, "WEBP", append_images=pictures[1:], quality=80, method=3, **how)
        else:
            pictures = [flattened(each) if is_opaque(each) else each for each in pictures]
            disposal = 2 if any(each.mode == "RGBA" for each in pictures) else 1
            pictures[0].save(to, "GIF", append_images=pictures[1:], disposal=disposal, **how)
        if to.stat().st_size <= recipe.max_bytes:
            return
        share *= min(0.9, max(0.5, 0.97 * math.sqrt(recipe.max_bytes / to.stat().st_size)))
        smaller = recipe.smaller(share)
        if share < SMALLEST_SHARE or smaller is None:
            raise too_large(recipe)
        size = smaller
