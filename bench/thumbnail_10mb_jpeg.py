"""The thumbnail of a 10 MB photo: how long, and how much memory beyond what the decoder's process takes anyway.

The limit is Pillow alone: its draft mode, its thumbnail(), its JPEG. Each runs in processes of its own, in turns:
`python -m bench.thumbnail_10mb_jpeg bare|ours PHOTO` prints seconds and peak bytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.figures import say

ROUNDS = 7
TIMES = 3
WIDTH, HEIGHT = 6000, 4000
MOST_RATIO, MOST_MEMORY_MB = 1.3, 30
MEGABYTE = 1024 * 1024


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="mb-bench-") as folder:
        photo = Path(folder) / "photo.jpg"
        write_photo(photo)
        measured: dict[str, list[tuple[float, int]]] = {"bare": [], "ours": []}
        for _ in range(ROUNDS):
            for how, figures in measured.items():
                figures.append(measure(how, photo))
    bare_s, ours_s = (median(took_s for took_s, _ in measured[how]) for how in ("bare", "ours"))
    bare_mb, ours_mb = (max(size for _, size in measured[how]) / MEGABYTE for how in ("bare", "ours"))
    say("thumbnail_10mb_jpeg", ours_s, "s", limit=bare_s, ratio=min(1.0, bare_s / ours_s))
    say("thumbnail_10mb_jpeg_bar", ours_s / bare_s, "x", limit=MOST_RATIO, ratio=min(1.0, MOST_RATIO * bare_s / ours_s))
    say("thumbnail_10mb_jpeg_memory", ours_mb, "MB", limit=MOST_MEMORY_MB, ratio=min(1.0, MOST_MEMORY_MB / ours_mb))
    say("thumbnail_10mb_jpeg_memory_bare", bare_mb, "MB")


def write_photo(path: Path) -> None:
    """6000 x 4000 pixels in about 10 MB: coarse noise, as detailed as a good camera's picture."""
    from PIL import Image

    noise = [Image.effect_noise((WIDTH // 2, HEIGHT // 2), 60).resize((WIDTH, HEIGHT)) for _ in range(3)]
    picture = Image.merge("RGB", noise)
    for quality in range(95, 40, -3):
        picture.save(path, "JPEG", quality=quality)
        if path.stat().st_size <= 10 * MEGABYTE:
            return


def measure(how: str, photo: Path) -> tuple[float, int]:
    """Seconds of one thumbnail and the bytes it took beyond what was imported, in a fresh process."""
    command = [sys.executable, "-m", "bench.thumbnail_10mb_jpeg", how, str(photo)]
    took_s, size = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(took_s), int(size)


# --- in the process that is measured ---
def bare(photo: Path, to: Path) -> Callable[[], object]:
    from PIL import Image

    def make() -> None:
        with Image.open(photo) as image:
            image.draft("RGB", (400, 400))
            image.thumbnail((400, 400))
            image.save(to, "JPEG", quality=88)

    Image.init()
    return make


def ours(photo: Path, to: Path) -> Callable[[], object]:
    from PIL import Image

    from media_library.codecs import render
    from media_library.codecs.recipes import Original, plan_thumbnail

    size = photo.stat().st_size
    recipe = plan_thumbnail(Original("image", "image/jpeg", size, WIDTH, HEIGHT))
    order = {"source": str(photo), "mime_type": "image/jpeg", "form": "image"}
    Image.init()
    return lambda: render.main({**order, "made": [{"recipe": recipe.to_json(), "to": str(to)}]})


def peak() -> int:
    """The most that this process has held; getrusage would count what its parent held at the fork."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    source = Path(sys.argv[2])
    make = {"bare": bare, "ours": ours}[sys.argv[1]](source, source.with_suffix(f".{sys.argv[1]}"))
    base = peak()
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        make()
        took.append(time.perf_counter() - began)
    print(min(took), peak() - base)
