"""Why a file is not taken, as what parses it says so. Without Django: it runs in the decoder's process."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """Why it is not taken. `is_other_format`: it is none of ours, rather than damaged or too much of one."""

    def __init__(self, code: str, message: str, *, is_other_format: bool = False, **params: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.params = code, message, params
        self.is_other_format = is_other_format
