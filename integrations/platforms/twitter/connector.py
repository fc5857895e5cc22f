"""X, still called Twitter by its API: from our words to its endpoints and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from integrations.capabilities import Capabilities
from integrations.contract import (
    Absent,
    AccountMetrics,
    CannotTell,
    Connector,
    Content,
    Found,
    Measure,
    Metrics,
    Pending,
    Progress,
    Published,
    Step,
    Target,
)
from integrations.errors import CallFailed, Rejected, Unavailable
from integrations.platforms.twitter import metrics
from integrations.platforms.twitter.addresses import post_id_of, post_url
from integrations.platforms.twitter.articles import POST_TYPE, draft_of, is_article, is_post_of
from integrations.platforms.twitter.capabilities import (
    CAPABILITIES,
    DEFAULT_POLL_MINUTES,
    MAX_ARTICLE,
    MAX_SUBSCRIBED,
    MAX_WEIGHTED,
    PRICES,
)
from integrations.platforms.twitter.errors import (
    DUPLICATE,
    MEDIA_IDS,
    NOT_PERMITTED,
    error_from,
    error_in,
    problems_in,
    rests_until,
)
from integrations.platforms.twitter.links import find_links
from integrations.platforms.twitter.reading import (
    QUERIES,
    first_id_of,
    has_upload,
    is_in_place,
    is_made_of,
    media_types,
    own_post,
)
from integrations.platforms.twitter.rules import post_problems
from integrations.platforms.twitter.text import comparable, weighted_length
from integrations.platforms.twitter.uploads import PostMedia
from integrations.protocols import duplicates
from integrations.protocols.lookback import OwnPost, Page, first_match, own_posts, posts_in
from integrations.protocols.uploads import ids_in
from integrations.protocols.values import object_in, text_in
from integrations.validation import general_problems
from mastablasta.core.errors import FieldProblem
from mastablasta.core.outbound import Response

PAGE = 100
MOST_PAGES = 32  # what a timeline shows: 3,200 posts
OF_EVERY_PART = ("made_with_ai", "paid_partnership")
OF_THE_ROOT = ("reply_settings", "community_id", "share_with_followers")


class TwitterConnector(Connector):
    """Source: https://docs.x.com/x-api/posts/create-post (read 2026-11-23)."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    @classmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        rule = cls.media_rule(content.post_type, target)
        problems = general_problems(content, cls.capabilities_at(target), rule)
        problems += cls.length_problems(content, target, where="X")
        return [*problems, *post_problems(content, target)]

    @classmethod
    def measure(cls, content: Content, index: int, target: Target | None) -> Measure:
        """Weighted characters; an account with a paid subscription may write long posts. Of an article, characters."""
        subscription = str(target.facts.get("subscription_type") or "None") if target else "None"
        if content.post_type == POST_TYPE and index == 0:
            return Measure(len(content.parts[0].text), MAX_ARTICLE)
        limit = MAX_WEIGHTED if subscription == "None" else MAX_SUBSCRIBED
        return Measure(weighted_length(content.parts[index].text), limit)

    @classmethod
    def is_one_step(cls, content: Content) -> bool:
        """An article is drafted before it is published."""
        return super().is_one_step(content) and content.post_type != POST_TYPE

    @classmethod
    def estimated_cost(cls, content: Content) -> Decimal:
        """A post for each part, dearer with a link, and the alt texts. An article counts as a post."""
        has_link = [bool(find_links(part.text)) for part in content.parts]
        if content.post_type == POST_TYPE:
            has_link[0] = False
        prices = (PRICES.post_with_link if one else PRICES.post for one in has_link)
        described = sum(bool(use.alt_text) for part in content.parts for use in part.media)
        return sum(prices, Decimal()) + PRICES.alt_text * described

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Post one part, as a reply to its parent if it has one, once its media are uploaded.

        X knows no idempotency key. It refuses a text that the account has posted lately: for a first send that is a
        refusal like others; after a send that may have got through it is the hint that it did (see `reconcile`). So is
        the refusal of media ids, each of which goes into one post; after a first send they are out of date.
        """
        media = PostMedia(self.http, self.target, step.part.media, progress)
        if waits := media.go_on():
            return waits
        if is_article(step):
            return self._publish_article(step, progress)
        body = _body(step, ids_in(progress.data))
        if quoted := self._quoted(step):
            body["quote_tweet_id"] = quoted
        answer = self.http.post("/2/tweets", json=body, visible=True)
        remote_id = text_in(object_in(answer.json(), "data"), "id") if answer.is_ok else ""
        if remote_id:
            return Published(remote_id, self._url(remote_id), rests_until=rests_until(answer))
        failure = self._in_view_of_doubt(error_in(answer) if answer.is_ok else error_from(answer), progress)
        if quoted and failure.code == NOT_PERMITTED:
            sentence = f"{failure.message} X lets apps of Enterprise plans quote only; leave quote_tweet_id out."
            raise Rejected(sentence, code=NOT_PERMITTED, http_status=failure.http_status)
        if failure.code == MEDIA_IDS and isinstance(failure, Rejected):
            return media.upload_again(failure)
        raise failure

    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """Look for it in the account's own list: the oldest post with this text and such media in this place.

        X refuses the same text twice: what that says of an absence is in `protocols/duplicates.py`. The look-ups go on
        then, and in the end a person decides.
        """
        since = duplicates.maybe_out_since(progress, since)
        posts = own_posts(partial(self._page, since=since), since=since, known=known, most_pages=MOST_PAGES)
        looked = posts if isinstance(posts, CannotTell) else self._look_for(step, progress, posts)
        return duplicates.absent(progress, since, label="X") if isinstance(looked, Absent) else looked

    def delete(self, remote_id: str) -> None:
        """Source: https://docs.x.com/x-api/posts/delete-post (read 2026-11-23)."""
        answer = self.http.delete(f"/2/tweets/{quote(remote_id, safe='')}")
        if answer.is_ok:
            fields = answer.fields()
            is_gone = any("resource-not-found" in problem.codes for problem in problems_in(fields))
            if not is_gone and object_in(fields, "data").get("deleted") is not True:
                raise error_in(answer)
        elif answer.status != 404:
            raise error_from(answer)

    def fetch_metrics(self, refs: Sequence[str]) -> Mapping[str, Metrics]:
        """Source: https://docs.x.com/x-api/posts/get-posts-by-ids (read 2026-11-23)."""
        return metrics.fetch(self.http, refs)

    def fetch_account_metrics(self) -> AccountMetrics:
        return metrics.fetch_account(self.http)

    def _publish_article(self, step: Step, progress: Progress) -> Published:
        """Make its draft, unless it is there, and publish that. X publishes a draft once: where it refuses to, after a
        call that may have got through, that is the hint that it did.
        """
        article_id = draft_of(self.http, step, progress, ids_in(progress.data))
        answer = self.http.post(f"/2/articles/{article_id}/publish", visible=True)
        remote_id = text_in(object_in(answer.json(), "data"), "post_id") if answer.is_ok else ""
        if remote_id:
            return Published(remote_id, self._url(remote_id), rests_until=rests_until(answer))
        failure = error_in(answer) if answer.is_ok else error_from(answer)
        if isinstance(failure, Rejected):
            said = "X does not publish the article again"
            failure = duplicates.in_doubt(failure, progress, said=said, code=DUPLICATE)
        raise failure

    def _in_view_of_doubt(self, failure: CallFailed, progress: Progress) -> CallFailed:
        """A duplicate of something that we may have sent ourselves is not a refusal, but to be looked for."""
        if failure.code not in {DUPLICATE, MEDIA_IDS}:
            return failure
        what = "has this text already" if failure.code == DUPLICATE else "does not take the same media again"
        return duplicates.in_doubt(failure, progress, said=f"X {what}")

    def _look_for(self, step: Step, progress: Progress, posts: Sequence[OwnPost]) -> Found | Absent:
        """Of posts that are alike, the one with the files that we uploaded; of an article, the one that leads to it.

        Raises Unavailable when one without text has others: X keeps the ids of uploads, but does not promise it, and
        no text tells them apart.
        """
        if is_article(step):
            of_article = first_match(posts, lambda post: is_post_of(post, progress.data))
            return of_article.found if of_article else Absent()
        quoted, uploaded = self._quoted(step), ids_in(progress.data)
        in_place = [post for post in posts if is_in_place(post, step)]
        found = first_match(
            in_place, lambda post: has_upload(post, uploaded), lambda post: is_made_of(post, step.part, quoted)
        )
        if found and uploaded and not comparable(step.part.text) and not has_upload(found, uploaded):
            raise Unavailable("The account has a post like this one, with other files.", code="not_told_apart")
        return found.found if found else Absent()

    def _page(self, cursor: str | None, *, since: datetime) -> Page | CannotTell:
        """The account's posts. Not its search, which lags.

        Source: https://docs.x.com/x-api/users/get-posts (read 2026-11-23).
        """
        params = {"max_results": PAGE, "since_id": str(first_id_of(since)), "exclude": "retweets"}
        answer = self._asked(params | ({"pagination_token": cursor} if cursor else {}))
        fields = answer.fields()
        listed = fields.get("data", [] if isinstance(fields.get("meta"), dict) else None)
        if not answer.is_ok or not isinstance(listed, list):
            failure = error_in(answer) if answer.is_ok else error_from(answer)
            if isinstance(failure, Rejected):
                return CannotTell(failure.message)
            raise failure
        read = partial(own_post, types=media_types(fields), url=self._url(""))
        return posts_in(answer, listed, read), text_in(fields.get("meta"), "next_token") or None

    def _asked(self, params: Mapping[str, Any]) -> Response:
        """The answer to the first query that X understands: its names changed once without notice."""
        path = f"/2/users/{quote(self.target.remote_id, safe='')}/tweets"
        for query in QUERIES:
            answer = self.http.get(path, params={**params, **query})
            if answer.status != 400:
                break
        return answer

    def _quoted(self, step: Step) -> str:
        """The id of the post that this part quotes; "" = none."""
        named = "" if step.sent else step.content.options.get("quote_tweet_id") or ""
        return post_id_of(named, self.target.base_url)

    def _url(self, remote_id: str) -> str:
        return post_url(self.target.base_url, self.target.handle, remote_id)


def _body(step: Step, media_ids: Sequence[str]) -> dict[str, Any]:
    """What X is sent: only keys that it knows, and none that is null, since it refuses both."""
    options = step.content.options
    body: dict[str, Any] = {"text": step.part.text}
    if media_ids:
        body["media"] = {"media_ids": list(media_ids)}
    for name in OF_EVERY_PART if step.sent else OF_EVERY_PART + OF_THE_ROOT:
        if options.get(name) is not None:
            body[name] = options[name]
    if step.parent is not None:
        body["reply"] = {"in_reply_to_tweet_id": step.parent.remote_id}
    elif answers := options.get("poll_options"):
        minutes = options.get("poll_duration_minutes") or DEFAULT_POLL_MINUTES
        body["poll"] = {"options": answers, "duration_minutes": minutes}
    return body
