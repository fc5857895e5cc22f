"""Videos as YouTube is told of them and as it tells of them.

Source: https://developers.google.com/youtube/v3/docs/videos (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.contract import Content, MediaUse, Part, Step
from integrations.errors import Rejected
from integrations.platforms.youtube.capabilities import LONGEST_SHORT_S, MAX_TITLE, PEOPLE_AND_BLOGS
from integrations.platforms.youtube.errors import MEDIA_FAILED, error_from
from integrations.protocols.values import id_in, object_in, objects_in, text_in
from mastablasta.core.outbound import Http

PATH = "/youtube/v3/videos"
PRIVATE = "private"
_OF_SNIPPET = {"default_language": "defaultLanguage", "default_audio_language": "defaultAudioLanguage"}
_OF_STATUS = {
    "made_for_kids": "selfDeclaredMadeForKids",
    "contains_synthetic_media": "containsSyntheticMedia",
    "embeddable": "embeddable",
    "license": "license",
    "public_stats_viewable": "publicStatsViewable",
}
_FAILURES = {
    "codec": "it does not know the codec",
    "conversion": "it could not convert it",
    "emptyFile": "the file is empty",
    "invalidFile": "it does not know the format",
    "tooSmall": "the file is too small",
    "uploadAborted": "the upload was broken off",
}
_REJECTIONS = {
    "claim": "somebody else claims it",
    "copyright": "it infringes a copyright",
    "duplicate": "the channel has this video already",
    "inappropriate": "it is against YouTube's guidelines",
    "legal": "a law forbids it",
    "length": "it is longer than this channel may upload; verify the channel by phone at youtube.com/verify",
    "termsOfUse": "it is against YouTube's terms of use",
    "trademark": "it infringes a trademark",
    "uploaderAccountClosed": "the channel's account is closed",
    "uploaderAccountSuspended": "the channel's account is suspended",
}


# --- what YouTube is told --------------------------------------------------------------------------------------------
def film_of(part: Part) -> MediaUse:
    """The video of a part. Raises Rejected where it has none."""
    for use in part.media:
        if use.kind == "video" and use.role == "content":
            return use
    raise Rejected("YouTube has no posts without a video; add one.", code="media_required")


def cover_of(part: Part) -> MediaUse | None:
    return next((use for use in part.media if use.role == "cover"), None)


def is_short(film: MediaUse) -> bool:
    """Whether YouTube makes a Short of it, which nobody can tell it: by its form and length alone.

    Source: https://support.google.com/youtube/answer/15424877 (read 2026-11-23).
    """
    return film.height >= film.width and film.duration_s is not None and film.duration_s <= LONGEST_SHORT_S


def title_of(content: Content) -> str:
    """The title that somebody gave, else the first line of the text."""
    given = str(content.options.get("title") or "").strip()
    return given or content.text.strip().partition("\n")[0].strip()[:MAX_TITLE].strip()


def privacy_of(options: Mapping[str, Any]) -> str:
    """Who is to see the video in the end of a step: nobody yet, where YouTube makes it public by itself."""
    return PRIVATE if options.get("publish_at") else str(options.get("privacy_status") or "public")


def shown(step: Step, video_id: str) -> dict[str, Any]:
    """The video as people are to see it."""
    status: dict[str, Any] = {"privacyStatus": privacy_of(step.content.options)}
    if publish_at := step.content.options.get("publish_at"):
        status["publishAt"] = publish_at
    return {"id": video_id, **_resource(step.content, step.part.text, status)}


def draft(step: Step) -> dict[str, Any]:
    """The video while nobody is to see it: private, with the step's key in place of its text.

    By the key it is found again whatever was lost, and told from all others.
    """
    return _resource(step.content, step.key, {"privacyStatus": PRIVATE})


def parts_of(resource: Mapping[str, Any]) -> str:
    """What `part` has to name for a resource."""
    return ",".join(name for name in resource if name != "id")


def _resource(content: Content, description: str, status: dict[str, Any]) -> dict[str, Any]:
    options = content.options
    snippet: dict[str, Any] = {
        "title": title_of(content),
        "description": description,
        "categoryId": options.get("category_id", PEOPLE_AND_BLOGS),
    }
    if tags := options.get("tags"):
        snippet["tags"] = list(tags)
    snippet |= {theirs: options[ours] for ours, theirs in _OF_SNIPPET.items() if ours in options}
    status |= {theirs: options[ours] for ours, theirs in _OF_STATUS.items() if ours in options}
    resource: dict[str, Any] = {"snippet": snippet, "status": status}
    if "has_paid_product_placement" in options:
        placed = {"hasPaidProductPlacement": options["has_paid_product_placement"]}
        resource["paidProductPlacementDetails"] = placed
    return resource


# --- what YouTube tells ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class VideoState:
    """`description` and `privacy` as they are now. `is_processed`: people could see it whole. `failure`: what to raise
    for a video that never will be; None = nothing is wrong."""

    description: str
    privacy: str
    is_processed: bool
    failure: Rejected | None


def ask_for_video(http: Http, video_id: str) -> VideoState | None:
    """Ask how far a video is; None = YouTube does not have it, or does not show it yet. One unit of the quota.

    Source: https://developers.google.com/youtube/v3/docs/videos/list (read 2026-11-23).
    """
    answer = http.get(PATH, params={"part": "snippet,status,processingDetails", "id": video_id})
    if not answer.is_ok:
        raise error_from(answer)
    fields = answer.fields()
    if not isinstance(fields.get("items"), list):
        raise answer.in_doubt("is not a list of videos", code="unreadable")
    for video in objects_in(fields, "items"):
        if id_in(video) == video_id:
            return _state(video)
    return None


def _state(video: Mapping[str, Any]) -> VideoState:
    status, processing = object_in(video, "status"), object_in(video, "processingDetails")
    uploaded, processed = text_in(status, "uploadStatus"), text_in(processing, "processingStatus")
    return VideoState(
        description=text_in(object_in(video, "snippet"), "description"),
        privacy=text_in(status, "privacyStatus"),
        is_processed=uploaded == "processed" or processed == "succeeded",
        failure=_failure(status, uploaded, processed),
    )


def _failure(status: Mapping[str, Any], uploaded: str, processed: str) -> Rejected | None:
    if uploaded == "rejected":
        reason = text_in(status, "rejectionReason")
        code = "duplicate" if reason == "duplicate" else "media_refused"
        return Rejected(
            f"YouTube rejected the video: {_REJECTIONS.get(reason, reason or 'it does not say why')}.", code=code
        )
    if uploaded in {"failed", "deleted"} or processed in {"failed", "terminated"}:
        reason = text_in(status, "failureReason")
        said = _FAILURES.get(reason, reason or "it does not say why")
        return Rejected(f"YouTube cannot use this video: {said}.", code=MEDIA_FAILED)
    return None
