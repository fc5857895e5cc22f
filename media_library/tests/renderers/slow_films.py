"""Never gets done with a video; makes all else as the real one."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from media_library.codecs import render


def main(order: dict[str, Any]) -> dict[str, Any]:
    if any(made["recipe"]["mime_type"] == "video/mp4" for made in order["made"]):
        Path(order["made"][0]["to"]).with_suffix(".pid").write_text(str(os.getpid()))
        time.sleep(60)
    return render.main(order)
