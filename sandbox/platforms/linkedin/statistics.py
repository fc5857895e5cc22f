"""What LinkedIn counts of posts and organisations.

Sources: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/organizations/share-statistics,
…/organizations/organization-lookup-api and …/members/post-statistics (read 2026-11-23).
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.platforms.linkedin.posts import author_of
from sandbox.platforms.linkedin.server import Caller, LinkedIn, endpoint, problem, refused, restli_list
from sandbox.routing import Operation
from sandbox.wire import Request

OF_ORGANISATIONS = {
    "impressionCount": "views",
    "uniqueImpressionsCount": "reach",
    "likeCount": "likes",
    "commentCount": "comments",
    "shareCount": "shares",
    "clickCount": "clicks",
}
OF_PEOPLE = {
    "IMPRESSION": "views",
    "MEMBERS_REACHED": "reach",
    "REACTION": "likes",
    "COMMENT": "comments",
    "RESHARE": "shares",
    "LINK_CLICKS": "clicks",
}
ENTITY = re.compile(r"\((share|ugc):(urn:li:(share|ugcPost):[0-9]+)\)")


@endpoint("GET", "/rest/organizationalEntityShareStatistics", Operation.METRICS, scopes=("rw_organization_admin",))
def of_organisation(server: LinkedIn, request: Request, caller: Caller) -> dict[str, Any]:
    """Count posts of an organisation; of those that nobody has seen there is nothing to tell."""
    query = request.query()
    organisation = server.check_author(caller, query.get("organizationalEntity"), writes=False)
    if query.get("q") != "organizationalEntity":
        raise refused(400, "BAD_REQUEST", "Invalid query parameters")
    rows = []
    for name, parameter in (("share", "shares"), ("ugcPost", "ugcPosts")):
        for urn in restli_list(query[parameter]) if parameter in query else ():
            post = server.site.posts.get(urn)
            if post is not None and author_of(post) == organisation and post.metrics:
                counts = {theirs: post.metrics.get(ours, 0) for theirs, ours in OF_ORGANISATIONS.items()}
                told = {"totalShareStatistics": {**counts, "engagement": 0.0}, "organizationalEntity": organisation}
                rows.append({name: urn, **told})
    return {"paging": {"start": 0, "count": 10, "links": []}, "elements": rows}


@endpoint("GET", "/rest/memberCreatorPostAnalytics", Operation.METRICS, scopes=("r_member_postAnalytics",))
def of_person(server: LinkedIn, request: Request, caller: Caller) -> Any:
    """Count one thing of one post."""
    query = request.query()
    entity = ENTITY.fullmatch(str(query.get("entity")))
    wanted = OF_PEOPLE.get(str(query.get("queryType")))
    if entity is None or (entity[1] == "share") != (entity[3] == "share") or wanted is None:
        raise refused(400, "BAD_REQUEST", "Invalid query parameters")
    if query.get("q") != "entity" or query.get("aggregation") != "TOTAL":
        raise refused(400, "BAD_REQUEST", "Invalid query parameters")
    post = server.site.posts.get(entity[2])
    if post is None or author_of(post) != caller.urn:
        return problem(404, "NOT_FOUND", f"Not found: {entity[2]}")
    row = {"count": (post.metrics or {}).get(wanted, 0), "targetEntity": {entity[1]: post.id}}
    return {
        "paging": {"start": 0, "count": 10, "links": []},
        "elements": [{**row, "metricType": query["queryType"]}],
    }


@endpoint(
    "GET", "/rest/networkSizes/{urn}", Operation.METRICS, scopes=("rw_organization_admin", "r_organization_social")
)
def followers(server: LinkedIn, request: Request, caller: Caller) -> dict[str, Any]:
    if request.query().get("edgeType") != "COMPANY_FOLLOWED_BY_MEMBER":
        raise refused(400, "BAD_REQUEST", "Invalid query parameters")
    server.check_author(caller, request.args["urn"], writes=False)
    return {"firstDegreeSize": caller.person.followers}
