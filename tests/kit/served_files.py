"""Files for platforms that fetch them: a folder of JPEGs and videos behind a web server of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from integrations.contract import MediaUse
from tests.kit.media_contract import MediaFolder, jpeg


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing is written."""


class ServedFolder(MediaFolder):
    """Its pictures are JPEGs with links, as the engine gives them of kinds in `by_url`; `fetched`: also its videos.

    Other than there their paths stay, so that a test can look at their bytes.
    """

    def __init__(self, folder: Path, origin: str, *, fetched: tuple[str, ...] = ("image",)) -> None:
        super().__init__(folder)
        self.origin = origin
        self.fetched = fetched

    def use(self, data: bytes, mime_type: str, **more: Any) -> MediaUse:
        made = super().use(data, mime_type, **more)
        return replace(made, url=f"{self.origin}/{Path(made.path).name}") if made.kind in self.fetched else made

    def picture(self, width: int = 6, height: int = 5, **more: Any) -> MediaUse:
        return self.use(jpeg(width, height), "image/jpeg", width=width, height=height, **more)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder while the block runs; gives the origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
