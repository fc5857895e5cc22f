"""What LinkedIn counts: of an organisation's posts in one call, of a person's in one call for each figure.

Sources: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/organizations/share-statistics,
…/organizations/organization-lookup-api#retrieve-organization-follower-count and …/members/post-statistics
(read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integrations.contract import AccountMetrics, Metrics
from integrations.errors import Rejected
from integrations.platforms.linkedin.addresses import POST_URN, escaped, urn_list
from integrations.platforms.linkedin.errors import NOT_FOUND, error_from
from integrations.protocols.values import count_in, counts_in, numbers_in, object_in, objects_in, text_in
from mastablasta.core.outbound import Http, Response

SHARE = "urn:li:share:"
_OF_ORGANISATIONS = {
    "impressionCount": "views",
    "uniqueImpressionsCount": "reach",
    "likeCount": "likes",
    "commentCount": "comments",
    "shareCount": "shares",
    "clickCount": "clicks",
}
_OF_PEOPLE = {
    "IMPRESSION": "views",
    "MEMBERS_REACHED": "reach",
    "REACTION": "likes",
    "COMMENT": "comments",
    "RESHARE": "shares",
    "LINK_CLICKS": "clicks",
}


def fetch_of_organisation(http: Http, organisation: str, urns: Sequence[str]) -> dict[str, Metrics]:
    """The figures of these posts, by URN. LinkedIn leaves out what nobody has seen yet: that is 0, if it is there."""
    asked = [urn for urn in dict.fromkeys(urns) if POST_URN.fullmatch(urn)]
    if not asked:
        return {}
    answer = _asked(http, f"/rest/organizationalEntityShareStatistics?{_query(organisation, asked)}", has="elements")
    rows = {text_in(row, "share", "ugcPost"): row for row in objects_in(answer.fields(), "elements")}
    found = {}
    for urn in asked:
        if urn in rows:
            told: dict[str, Any] = counts_in(object_in(rows[urn], "totalShareStatistics"), _OF_ORGANISATIONS)
            found[urn] = Metrics(answer.received_at, **told, answer=numbers_in(rows[urn]))
    nothing: dict[str, Any] = dict.fromkeys(_OF_ORGANISATIONS.values(), 0)
    unseen = _that_are_there(http, [urn for urn in asked if urn not in rows])
    return found | {urn: Metrics(answer.received_at, **nothing) for urn in unseen}


def fetch_of_person(http: Http, urns: Sequence[str]) -> dict[str, Metrics]:
    """The figures of these posts, by URN."""
    found = {}
    for urn in dict.fromkeys(urns):
        if POST_URN.fullmatch(urn) and (metrics := _of_persons_post(http, urn)):
            found[urn] = metrics
    return found


def fetch_account(http: Http, organisation: str) -> AccountMetrics:
    path = f"/rest/networkSizes/{escaped(organisation)}"
    answer = _asked(http, path, has="firstDegreeSize", params={"edgeType": "COMPANY_FOLLOWED_BY_MEMBER"})
    return AccountMetrics(answer.received_at, followers=count_in(answer.fields(), "firstDegreeSize"))


def _of_persons_post(http: Http, urn: str) -> Metrics | None:
    """None = LinkedIn does not show it."""
    kind = "share" if urn.startswith(SHARE) else "ugc"
    counted: dict[str, Any] = {}
    for name in _OF_PEOPLE:
        query = f"q=entity&entity=({kind}:{escaped(urn)})&queryType={name}&aggregation=TOTAL"
        try:
            answer = _asked(http, f"/rest/memberCreatorPostAnalytics?{query}", has="elements")
        except Rejected as refused:
            if refused.code != NOT_FOUND:
                raise
            return None
        for row in objects_in(answer.fields(), "elements")[:1]:
            counted |= counts_in(row, {"count": name})
    return Metrics(answer.received_at, **{_OF_PEOPLE[name]: count for name, count in counted.items()}, answer=counted)


def _that_are_there(http: Http, urns: Sequence[str]) -> list[str]:
    if not urns:
        return []
    headers = {"X-RestLi-Method": "BATCH_GET"}
    answer = _asked(http, f"/rest/posts?ids={urn_list(urns)}", has="results", headers=headers)
    return [urn for urn in urns if urn in object_in(answer.fields(), "results")]


def _query(organisation: str, urns: Sequence[str]) -> str:
    shares = [urn for urn in urns if urn.startswith(SHARE)]
    others = [urn for urn in urns if not urn.startswith(SHARE)]
    lists = [f"{name}={urn_list(some)}" for name, some in (("shares", shares), ("ugcPosts", others)) if some]
    return "&".join([f"q=organizationalEntity&organizationalEntity={escaped(organisation)}", *lists])


def _asked(http: Http, path: str, *, has: str, **how: Any) -> Response:
    """The answer to a question. Raises what a refusal means, and Unavailable for one that lacks what it `has` to have:
    what is left out may be counted as 0."""
    answer = http.get(path, **how)
    if not answer.is_ok:
        raise error_from(answer)
    if answer.fields().get(has) is None:
        raise answer.in_doubt(f"has no {has}", code="unreadable")
    return answer
