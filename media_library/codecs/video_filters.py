"""FFmpeg's filters in a row, and the colours that pictures have before and after them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

import av

# As everybody shows a video: BT.709. libswscale (FFmpeg 8) brings HDR, HLG and PQ, down to it as well.
BT709 = "out_color_matrix=bt709:out_primaries=bt709:out_transfer=bt709"
UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
HDR = {16, 18}  # AVCOL_TRC_SMPTE2084 (PQ), AVCOL_TRC_ARIB_STD_B67 (HLG)
WIDE = {9}  # AVCOL_PRI_BT2020
HD_HEIGHT = 720  # what says nothing of its matrix is BT.709 from this height on and BT.601 below, as players take it

Steps = Iterable[tuple[str, str]]


class Chain:
    """Filters, one after the other."""

    def __init__(self, source: Callable[[Any], Any], steps: Steps, sink: str) -> None:
        self.graph = av.filter.Graph()
        last = source(self.graph)
        for name, argument in [*steps, (sink, "")]:
            node = self.graph.add(name, argument or None)
            last.link_to(node)
            last = node
        self.graph.configure()

    def push(self, frame: Any) -> Iterator[Any]:
        """Give a frame, or None at the end, and take what comes out."""
        self.graph.push(frame)
        while True:
            try:
                yield self.graph.pull()
            except (BlockingIOError, EOFError):
                return


def of_pictures(frame: Any, time_base: Fraction, steps: Steps) -> Chain:
    """A chain for pictures like `frame`, which every other one must be like in size, format and colours."""
    said = {
        "video_size": f"{frame.width}x{frame.height}",
        "pix_fmt": frame.format.name,
        "time_base": f"{time_base.numerator}/{time_base.denominator}",
        "colorspace": int(frame.colorspace),
        "range": int(frame.color_range),
    }
    arguments = ":".join(f"{name}={value}" for name, value in said.items())
    return Chain(lambda graph: graph.add("buffer", arguments), [*_as_shown(frame), *steps], "buffersink")


def _as_shown(frame: Any) -> Iterator[tuple[str, str]]:
    """The colours of the file as players take them: of SDR they look at the matrix alone."""
    matrix = "bt709" if frame.height >= HD_HEIGHT else "smpte170m"
    taken = {
        "colorspace": matrix if int(frame.colorspace) == UNSPECIFIED else "",
        "color_primaries": "" if int(frame.color_primaries) in WIDE else "bt709",
        "color_trc": "" if int(frame.color_trc) in HDR else "bt709",
    }
    if any(taken.values()):
        yield "setparams", ":".join(f"{name}={value}" for name, value in taken.items() if value)
