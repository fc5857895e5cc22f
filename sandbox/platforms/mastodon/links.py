"""What Mastodon takes for a link: the server's own `valid_url`, in three steps: names, top-level domain, the rest.

Sources (read 2026-11-28): rb/lib/twitter-text/regex.rb of https://github.com/twitter/twitter-text 3.1, and what
https://github.com/mastodon/mastodon/blob/main/config/initializers/twitter_regex.rb replaces in it. A text is scanned as
Ruby's `scan` does: each match takes the character before the address with it, and an address without a protocol is
passed over, with all that belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from sandbox.platforms.twitter.links import TLDS

LONGEST_URL = 4096
LONGEST_SLUG = 40
LONGEST_PROTOCOL = len(".gemini")
_LONGEST_TLD = max(len(tld) for tld in TLDS)

INVALID = r"\ufffe\ufeff\uffff"
DIRECTIONAL = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
SPACES = r"\u0009-\u000d\u0020\u0085\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
ACCENTS = (
    r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272\u0289"
    r"\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
)
# The planes but for their last two code points, without surrogates, U+FDD0-U+FDEF, and U+E0000-U+E0FFF.
UCHARS = r"\u00a0-\ud7ff\ue000-\ufdcf\ufdf0-\uffef" + "".join(
    rf"\U{plane:04x}{'1000' if plane == 0xE else '0000'}-\U{plane:04x}fffd" for plane in range(1, 17)
)


def _balanced(character: str) -> str:
    return rf"\((?:{character}++|{character}*+\({character}++\){character}*+)\)"


PROTOCOL = r"(?i:https?|dat|dweb|ipfs|ipns|ssb|gopher|gemini)://"
HOST_CHAR = rf"[^{DIRECTIONAL}{INVALID}{SPACES}\x00-\x1f\x7f!\"\#$%&'()*+,\-./:;<=>?@\[\]^_`{{|}}~]"
LABEL = rf"{HOST_CHAR}++(?:[_-]++{HOST_CHAR}++)*+"
PATH_CHAR = r"[^\p{White_Space}<>()?]"
OLD_PATH_CHAR = rf"[a-z\p{{Cyrillic}}0-9!*';:=+,.$/%\#\[\]\p{{Pd}}_~&|@{ACCENTS}]"
# The ending with brackets is put together before the brackets are replaced, and keeps twitter-text's.
PATH_END = rf"(?:[^\p{{White_Space}}()?!*\"'「」<>;:=,.$%\[\]~&|@]|{_balanced(OLD_PATH_CHAR)})"
PATH = rf"(?:(?:{PATH_CHAR}|{_balanced(PATH_CHAR)})*{PATH_END})"
QUERY = rf"\?[a-z0-9!?*'();:&=+$/%\#\[\]\-_.,~|@^{UCHARS}]*[a-z0-9_&=\#/\-{UCHARS}]"

_NAMES = regex.compile(
    rf"(?:[^A-Za-z0-9@\uff20$\#\uff03{INVALID}]|^)(?P<url>(?P<protocol>{PROTOCOL})?(?P<names>{LABEL}(?:\.{LABEL})++))",
    regex.MULTILINE,
)
_REST = regex.compile(rf"(?::[0-9]+)?(?:/{PATH}?)?(?:{QUERY})?", regex.IGNORECASE)
_TLD = regex.compile(r"(?P<punycode>xn--[0-9a-z]+)|[a-z]++|[^\x00-\x7f]++", regex.IGNORECASE)
_NO_TLD_BEFORE = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@+-")
_TCO_URL = regex.compile(r"https?://t\.co/(?P<slug>[a-z0-9]+)", regex.IGNORECASE)


def find_links(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each link, in order."""
    at = 0
    while ":" in text and (found := _NAMES.search(text, at)) is not None:
        at = found.end()
        start, host = found.start("url"), found.start("names")
        host_end = _domain_end(text, host, at)
        if host_end is None:
            at = max(found.start() + 1, at - LONGEST_PROTOCOL)  # its last letters may be the next one's protocol
            continue
        rest = _REST.match(text, host_end)
        at = end = rest.end() if rest else host_end
        short = _TCO_URL.match(text, start, end)
        if short is not None:
            end = short.end()
        is_slug = short is None or len(short["slug"]) <= LONGEST_SLUG
        if found["protocol"] is not None and is_slug and _is_valid_domain(end - start, text[host:host_end]):
            yield start, end


def _domain_end(text: str, start: int, end: int) -> int | None:
    """Return where the longest `valid_domain` among these names ends: all but its last name may have underscores."""
    names = text[start:end].split(".")
    for last in range(len(names) - 1, 0, -1):
        end -= len(names[last])
        if "_" not in names[last - 1]:
            tld_end = _tld_end(text, end, end + len(names[last]))
            if tld_end is not None:
                return tld_end
        end -= 1
    return None


def _tld_end(text: str, start: int, end: int) -> int | None:
    found = _TLD.match(text, start, end)
    if found is None:
        return None
    if found["punycode"] is not None:
        return int(found.end())
    longest = found.end() if text[start].isascii() else min(found.end(), start + _LONGEST_TLD)
    for shorter in range(longest, start, -1):
        if text[start:shorter].lower() in TLDS and (shorter == len(text) or text[shorter] not in _NO_TLD_BEFORE):
            return shorter
        if text[start].isascii():
            break
    return None


def _is_valid_domain(url_length: int, domain: str) -> bool:
    try:
        encoded = domain.encode("idna")
    except UnicodeError:
        return False
    return url_length + max(0, len(encoded) - len(domain)) <= LONGEST_URL
