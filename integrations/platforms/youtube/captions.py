"""The captions of a video, which it gets once it is out: neither a refusal nor a quota of theirs keeps it back.

A track costs 400 units of the quota, as eight thumbnails do. YouTube has one of a language and name: what a lost answer
leaves open is found out by sending it again, which is refused where it is there.
Sources: https://developers.google.com/youtube/v3/docs/captions/insert and
https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.contract import MediaUse, Progress
from integrations.errors import CallFailed, Rejected
from integrations.platforms.youtube.errors import CAPTIONS_THERE, error_from
from integrations.platforms.youtube.uploads import session_address
from integrations.protocols.uploads import file_of, timeout_s
from integrations.protocols.values import id_in
from mastablasta.core.outbound import Http

PATH = "/upload/youtube/v3/captions"
# What is done of it, in a step's progress: of which `video`, how many are `begun`, and how many `there`.
CAPTIONS = "captions"


def add_captions(
    http: Http, video_id: str, captions: Sequence[tuple[MediaUse, Mapping[str, Any]]], progress: Progress
) -> None:
    """Give the video the captions that it does not have yet; what a successor needs to go on is kept.

    Raises Rejected for captions that YouTube does not take, naming their language, and whatever else answers mean.
    """
    kept = progress.data.get(CAPTIONS) or {}
    if kept.get("video") != video_id:
        kept = {"video": video_id, "begun": 0, "there": 0}
    for number, (use, said) in enumerate(captions[kept["there"] :], kept["there"] + 1):
        may_be_there = kept["begun"] >= number
        if not may_be_there:
            kept = {**kept, "begun": number}
            progress.save(**{CAPTIONS: kept})
        try:
            _insert(http, video_id, use, said)
        except Rejected as refused:
            if not (may_be_there and refused.code == CAPTIONS_THERE):
                raise _named(refused, said) from refused
        kept = {**kept, "there": number}
        progress.save(**{CAPTIONS: kept})


def _insert(http: Http, video_id: str, use: MediaUse, said: Mapping[str, Any]) -> None:
    if not use.path:
        raise Rejected("their file is not there any more.", code="captions_refused")
    snippet = {"videoId": video_id, "language": said["language"], "name": said.get("name", "")}
    opened = http.post(
        PATH,
        params={"uploadType": "resumable", "part": "snippet"},
        json={"snippet": snippet},
        headers={"X-Upload-Content-Type": use.mime_type, "X-Upload-Content-Length": str(use.size)},
    )
    if not opened.is_ok:
        raise error_from(opened)
    address = session_address(http, opened)
    answer = http.request("PUT", address, data=file_of(use), timeout_s=timeout_s(use.size))
    if not answer.is_ok:
        raise error_from(answer)
    if not id_in(answer.fields()):
        raise answer.in_doubt("names no captions", code="no_id")


def _named(refused: Rejected, said: Mapping[str, Any]) -> CallFailed:
    sentence = f"Captions ({said['language']}): {refused.message}"
    return Rejected(sentence, code="captions_refused", http_status=refused.http_status)
