"""X: what its OpenAPI description says of the calls that we make and that the simulator answers.

Sources: https://api.x.com/2/openapi.json, version 2.167 of 2026-08-22 and, where `versions` stand, 2.166 of 2026-08-06
before it (read 2026-11-28). Signing in is not in it, but at https://docs.x.com (read 2026-11-28). Lists of names that
may be asked for hold only those that somebody here asks for.
"""

from __future__ import annotations

from tests.specifications.shapes import (
    ANYTHING,
    FILE,
    FLAG,
    FORM,
    JSON,
    MULTIPART,
    TEXT,
    WHOLE,
    Call,
    Either,
    Fields,
    Items,
    Text,
    Whole,
    fields,
    one_of,
    some_of,
)

OAUTH = "https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code"
FINALIZE_BODY = "https://github.com/trypostit/trypost/pull/202"
PROBLEMS = "https://api.x.com/2/problems/"

ID = Text(pattern="^[0-9]{1,19}$")


def names(*options: str) -> Items:
    """A list of names in a query, apart by commas."""
    return Items(some_of(*options), least=1, comma=",")


# --- what is sent ----------------------------------------------------------------------------------------------------
NEW_POST = fields(
    {
        "text": TEXT,
        "made_with_ai": FLAG,
        "paid_partnership": FLAG,
        "reply_settings": one_of("following", "mentionedUsers", "subscribers", "verified"),
        "quote_tweet_id": ID,
        "community_id": ID,
        "share_with_followers": FLAG,
        "reply": fields({"in_reply_to_tweet_id!": ID}),
        "poll": fields(
            {"options!": Items(Text(least=1, most=25), least=2, most=4), "duration_minutes!": Whole(5, 10_080)}
        ),
        "media": fields({"media_ids!": Items(ID, least=1, most=4)}),
    }
)
_BLOCK = fields(
    {
        "text!": TEXT,
        "type!": some_of(
            "unstyled", "header-one", "header-two", "unordered-list-item", "ordered-list-item", "blockquote"
        ),
    }
)
# Of what an entity is only so much stands here: we send none.
ENTITY = fields({"key!": TEXT, "value!": ANYTHING})
ARTICLE = fields(
    {
        "title!": Text(least=1),
        "content_state!": fields({"blocks!": Items(_BLOCK), "entities!": Items(ENTITY)}),
        "cover_media": fields({"media_id!": TEXT, "media_category!": TEXT}),
    }
)
UPLOAD = fields({"media!": FILE, "media_category!": some_of("tweet_image")})
INITIALIZE = fields(
    {
        "media_type": some_of("image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4"),
        "media_category": some_of("tweet_image", "tweet_gif", "tweet_video"),
        "total_bytes": Whole(0, 17_179_869_184),
    }
)
APPEND = fields({"media!": FILE, "segment_index!": Whole(0, 999)})
METADATA = fields({"id!": ID, "metadata": fields({"alt_text": fields({"text!": Text(most=1000)})})})

_TIMELINE = {
    "max_results": Whole(5, 100),
    "since_id": ID,
    "pagination_token": Text(least=1),
    "exclude": Items(one_of("replies", "retweets"), least=1, comma=","),
    "media.fields": names("type"),
}
OLD_TIMELINE = fields(
    _TIMELINE
    | {
        "tweet.fields": names("attachments", "conversation_id", "entities", "note_tweet", "referenced_tweets"),
        "expansions": names("attachments.media_keys"),
    }
)
NEW_TIMELINE = fields(
    _TIMELINE
    | {
        "post.fields": names("attachments", "conversation_id", "entities", "note_post"),
        "expansions": names("attachments.media_keys", "referenced_posts"),
    }
)
_POSTS = {
    "ids!": Items(ID, least=1, most=100, comma=","),
    "expansions": names("attachments.media_keys"),
    "media.fields": names("public_metrics"),
}
OLD_POSTS, NEW_POSTS = (
    fields(_POSTS | {name: names("attachments", "non_public_metrics", "public_metrics")})
    for name in ("tweet.fields", "post.fields")
)
ME = fields(
    {
        "user.fields": names(
            "id",
            "name",
            "username",
            "profile_image_url",
            "public_metrics",
            "subscription_type",
            "protected",
            "verified_type",
        )
    }
)

# --- what is answered ------------------------------------------------------------------------------------------------
_PLACE = {"start!": WHOLE, "end!": WHOLE}
_LINK = _PLACE | {"url?": TEXT, "expanded_url?": TEXT, "display_url?": TEXT}
ENTITIES = fields({"urls?": Items(fields(_LINK | {"media_key?": TEXT}))})
POST = fields(
    {
        "id": TEXT,
        "text": TEXT,
        "edit_history_post_ids": Items(TEXT),
        "author_id": TEXT,
        "username": TEXT,
        "created_at": Text(form="date-time"),
        "conversation_id": TEXT,
        "in_reply_to_user_id": TEXT,
        "referenced_posts": Items(fields({"type!": one_of("retweeted", "quoted", "replied_to"), "id!": TEXT})),
        "entities": ENTITIES,
        "note_post": fields({"text!": TEXT, "entities?": fields({"urls?": Items(fields(_LINK))})}),
        "attachments": fields({"media_keys?": Items(TEXT), "poll_ids?": Items(TEXT)}),
        "display_text_range": Items(WHOLE, least=2, most=2),
        "edit_controls": fields({"edits_remaining?": WHOLE, "is_edit_eligible?": FLAG, "editable_until?": TEXT}),
        "lang": TEXT,
        "paid_partnership": FLAG,
        "possibly_sensitive": FLAG,
        "community_id": TEXT,
        "reply_settings": TEXT,
        "source": TEXT,
        "public_metrics": fields(
            {f"{name}_count!": WHOLE for name in ("repost", "reply", "like", "quote", "bookmark", "impression")}
        ),
        "non_public_metrics": ANYTHING,
        "organic_metrics": ANYTHING,
    }
)
USER = fields(
    {
        "id": TEXT,
        "name": TEXT,
        "username": TEXT,
        "created_at": Text(form="date-time"),
        "description": TEXT,
        "location": TEXT,
        "profile_image_url": TEXT,
        "protected": FLAG,
        "subscription_type": TEXT,
        "url": TEXT,
        "verified": FLAG,
        "verified_type": TEXT,
        "public_metrics": fields(
            {
                "followers_count!": WHOLE,
                "following_count!": WHOLE,
                "post_count!": WHOLE,
                "listed_count!": WHOLE,
                "like_count?": WHOLE,
                "media_count?": WHOLE,
            }
        ),
    }
)
MEDIA = fields(
    {
        "media_key": TEXT,
        "type": TEXT,
        "alt_text": TEXT,
        "width": WHOLE,
        "height": WHOLE,
        "duration_ms": WHOLE,
        "url": TEXT,
        "preview_image_url": TEXT,
        "public_metrics": fields({"view_count!": WHOLE}),
        "variants": Items(fields({"content_type?": TEXT, "url?": TEXT, "bit_rate?": WHOLE})),
    }
)
_PROBLEM = {
    "title!": TEXT,
    "detail!": TEXT,
    "parameter": TEXT,
    "resource_id": TEXT,
    "value": TEXT,
}
PROBLEM = Either(
    (
        fields(_PROBLEM | {"type!": one_of(f"{PROBLEMS}resource-not-found"), "resource_type!": TEXT}),
        fields(
            _PROBLEM
            | {
                "type!": one_of(f"{PROBLEMS}not-authorized-for-field"),
                "field!": TEXT,
                "resource_type": TEXT,
                "section": TEXT,
            }
        ),
    )
)
INCLUDES = fields({"media": Items(MEDIA), "posts": Items(POST), "users": Items(USER)})
_NAMED = {"id!": TEXT, "media_key": TEXT, "expires_after_secs": WHOLE}
FINISHED = fields(
    _NAMED
    | {
        "size": WHOLE,
        "image": fields({"image_type": TEXT, "w": WHOLE, "h": WHOLE}),
        "video": fields({"video_type": TEXT}),
        "processing_info": fields({"state": TEXT, "check_after_secs": WHOLE, "progress_percent": WHOLE}),
    }
)


def answer(data: Fields | Items, **more: Fields | Items) -> Fields:
    return fields({"data": data, "errors": Items(PROBLEM), **more})


# --- the calls -------------------------------------------------------------------------------------------------------
READING = frozenset({"tweet.read", "users.read"})
WRITING = READING | {"tweet.write"}
MEDIA_WRITING = frozenset({"media.write"})
SCOPES = WRITING | MEDIA_WRITING | {"offline.access"}

_BASE = {"client_id!": TEXT, "redirect_uri!": TEXT}
CALLS = {
    "POST /2/tweets": Call(
        body={JSON: NEW_POST},
        answers={201: answer(fields({"id!": ID, "text!": TEXT, "edit_history_post_ids": Items(TEXT)}))},
        scopes=WRITING,
    ),
    "POST /2/articles/draft": Call(
        body={JSON: ARTICLE},
        answers={201: answer(fields({"id!": ID, "title!": TEXT}))},
        scopes=frozenset({"tweet.write"}),
    ),
    "POST /2/articles/{article_id}/publish": Call(
        path={"article_id": ID}, answers={200: answer(fields({"post_id!": TEXT}))}, scopes=frozenset({"tweet.write"})
    ),
    "DELETE /2/tweets/{id}": Call(path={"id": ID}, answers={200: answer(fields({"deleted!": FLAG}))}, scopes=WRITING),
    "GET /2/tweets/{id}": Call(path={"id": ID}, answers={200: answer(POST, includes=INCLUDES)}, scopes=READING),
    "GET /2/tweets": Call(
        versions=(OLD_POSTS, NEW_POSTS),
        answers={200: answer(Items(POST), includes=INCLUDES)},
        scopes=READING,
    ),
    "GET /2/users/{id}/tweets": Call(
        path={"id": ID},
        versions=(OLD_TIMELINE, NEW_TIMELINE),
        answers={
            200: answer(
                Items(POST),
                includes=INCLUDES,
                meta=fields({"result_count": WHOLE, "newest_id": TEXT, "oldest_id": TEXT, "next_token": TEXT}),
            )
        },
        scopes=READING,
    ),
    "GET /2/users/me": Call(query=ME, answers={200: answer(USER)}, scopes=READING),
    "POST /2/media/upload": Call(body={MULTIPART: UPLOAD}, answers={200: answer(FINISHED)}, scopes=MEDIA_WRITING),
    "GET /2/media/upload": Call(
        query=fields({"media_id!": ID, "command": one_of("STATUS")}),
        answers={200: answer(FINISHED)},
        scopes=MEDIA_WRITING,
    ),
    "POST /2/media/upload/initialize": Call(
        body={JSON: INITIALIZE}, answers={200: answer(fields(_NAMED))}, scopes=MEDIA_WRITING
    ),
    "POST /2/media/upload/{id}/append": Call(
        path={"id": ID},
        body={MULTIPART: APPEND},
        answers={200: answer(fields({"expires_at": WHOLE}))},
        scopes=MEDIA_WRITING,
    ),
    "POST /2/media/upload/{id}/finalize": Call(
        path={"id": ID},
        body={JSON: fields(beyond=FINALIZE_BODY)},
        answers={200: answer(FINISHED)},
        scopes=MEDIA_WRITING,
    ),
    "POST /2/media/metadata": Call(
        body={JSON: METADATA},
        answers={200: answer(fields({"id!": TEXT, "associated_metadata": ANYTHING}))},
        scopes=MEDIA_WRITING,
    ),
    "GET /i/oauth2/authorize": Call(
        query=fields(
            _BASE
            | {
                "response_type!": one_of("code"),
                "scope!": TEXT,
                "state!": TEXT,
                "code_challenge!": TEXT,
                "code_challenge_method!": one_of("S256", "plain"),
            }
        ),
        beyond=OAUTH,
    ),
    "POST /2/oauth2/token": Call(
        body={
            FORM: fields(
                {
                    "grant_type!": one_of("authorization_code", "refresh_token"),
                    "client_id": TEXT,
                    "code": TEXT,
                    "redirect_uri": TEXT,
                    "code_verifier": TEXT,
                    "refresh_token": TEXT,
                }
            )
        },
        beyond=OAUTH,
    ),
    "POST /2/oauth2/revoke": Call(body={FORM: fields({"token!": TEXT, "client_id": TEXT})}, beyond=OAUTH),
}
