"""Finding the server that somebody names, and what it says of itself: for networks of many servers, as the Fediverse.

Sources: RFC 8414 (authorization server metadata), https://docs.joinmastodon.org/spec/webfinger/ (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mastablasta.core.outbound import Http, Refused, split_url


def server_address(named: str, *, example: str) -> str:
    """The origin of the server that somebody names by `@user@host`, `host` or any URL of it: https, without a path.

    `example`: such a host, for people. Raises Refused.
    """
    text = named.strip()
    if not text:
        raise Refused(f"name your server, as {example} or @you@{example}")
    if "://" in text:
        scheme, _, rest = text.partition("://")
        if scheme.lower() not in {"http", "https"}:
            raise Refused("the address is not an http(s) URL")
        text = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    else:
        text = text.rpartition("@")[2].partition("/")[0]
    origin, _ = split_url(f"https://{text}")
    if "." not in origin.host and ":" not in origin.host:
        raise Refused(f"the host is not a full name; write it as {example}")
    return str(origin)


def moved_to(http: Http) -> str:
    """The base URL of the server behind a domain that only names its accounts; "" = there is none.

    Such domains redirect WebFinger to the server.
    """
    host = urlsplit(http.base_url).netloc
    answer = http.get("/.well-known/webfinger", params={"resource": f"acct:{host}@{host}"})
    if not 300 <= answer.status < 400:
        return ""
    try:
        origin, _ = split_url(answer.headers.get("location", ""))
    except Refused:
        return ""
    return str(origin) if origin.scheme == "https" and origin.netloc != host else ""


def authorization_server(http: Http) -> Mapping[str, Any] | None:
    """The authorization server's own description; None = it has none, {} = it does not say now."""
    answer = http.get("/.well-known/oauth-authorization-server")
    if answer.is_ok:
        return answer.fields()
    return None if 400 <= answer.status < 500 and answer.status != 429 else {}


def endpoints_in(described: Mapping[str, Any] | None, names: Iterable[str], *, base_url: str) -> dict[str, str]:
    """The endpoints of these names that a server describes.

    It may name only addresses below its own host: our secret and the code go there.
    """
    said = {name: (described or {}).get(name) for name in names}
    return {name: url for name, url in said.items() if isinstance(url, str) and url.startswith(f"{base_url}/")}


def handle_domain(base_url: str, said: str) -> str:
    """The domain in the names of a server's accounts: its own or one above it, as it says; never a stranger's."""
    host = urlsplit(base_url).netloc
    said = said.lower()
    return said if said and (host == said or host.endswith(f".{said}")) else host
