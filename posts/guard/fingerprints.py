"""What a text says, in one form of many: the same for all that people take for the same text.

NFKC, case folded, blanks in a row as one, without what nobody sees. Of a link the path keeps its case, and scheme,
default port, empty path and the parameters that only say where somebody clicked do not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from unicodedata import normalize
from urllib.parse import unquote

import regex

from integrations.contract import Content

# Tags that spell out a flag behind U+1F3F4 are seen: Scotland's and Wales's differ in nothing else.
_UNSEEN = regex.compile(
    r"(?:(?<![\U0001F3F4\U000E0020-\U000E007F])[\U000E0020-\U000E007F]+"
    r"|(?![\U000E0020-\U000E007F])[\p{Default_Ignorable_Code_Point}\p{Cf}])+"
)
_LINK = regex.compile(
    r"(?P<scheme>https?://)(?P<host>[^\s/?#]+)(?P<rest>\S*)"
    r"|(?<![\w.@-])(?P<host>(?:[\w-]{1,63}\.)++[^\W\d_]{2,63}(?::\d{1,5})?)(?=[/?#])(?P<rest>\S*)",
    regex.IGNORECASE,
)
_CLOSING = ".,;:!?'\")]}>…"
_ASCII_VALUE = regex.compile(r"[!-~]*")
_UTM = regex.compile(r"utm_\w+", regex.IGNORECASE)
# Parameters that vendors append to addresses that people share or click.
TRACKING = frozenset(
    {
        "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "twclid", "ttclid", "yclid", "li_fat_id",
        "epik", "igsh", "igshid", "mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "_ga", "_gl", "s_kwcid", "ref_src",
        "ref_url", "vero_id", "oly_enc_id", "oly_anon_id", "wickedid", "rb_clickid", "share_id",
    }
)  # fmt: skip
TRACKING_OF_HOSTS: Mapping[str, frozenset[str]] = {
    "youtube.com": frozenset({"si", "feature", "pp"}),
    "youtu.be": frozenset({"si"}),
    "open.spotify.com": frozenset({"si"}),
    "twitter.com": frozenset({"s", "t"}),
    "x.com": frozenset({"s", "t"}),
}
_NONE: frozenset[str] = frozenset()


def fingerprint_of(content: Content) -> int | None:
    """A number (64 bits, signed) that is the same for what looks the same to readers; None = there is nothing to see.

    The texts and files of all parts count, in order, and the kind of post; alt texts, options and the first comment do
    not: they change nothing of what the post says.
    """
    parts = [
        (normalised(part.text), [use.asset_id for use in part.media])
        for part in content.parts
        if part.kind != "comment"
    ]
    if not any(text or files for text, files in parts):
        return None
    digest = hashlib.blake2b(json.dumps([content.post_type, parts]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


@lru_cache(maxsize=32)  # of a post with many accounts each asks for the same text
def normalised(text: str) -> str:
    """The text as it is compared."""
    found, end = [], 0
    for link in _LINK.finditer(text):
        found += [_folded(text[end : link.start()]), _link(link["host"], link["rest"])]
        end = link.end()
    return " ".join("".join([*found, _folded(text[end:])]).split())


def _folded(text: str) -> str:
    return normalize("NFKC", normalize("NFKC", _UNSEEN.sub("", text)).casefold())


def _link(host: str, rest: str) -> str:
    """A link without its scheme; the text that follows it without a blank stays behind it."""
    host = _folded(host).removesuffix(":443").removesuffix(":80")
    rest = normalize("NFC", _UNSEEN.sub("", rest))
    end = len(rest.rstrip(_CLOSING))
    rest, closing = rest[:end], rest[end:]
    rest, _, fragment = rest.partition("#")
    fragment = fragment.partition(":~:")[0]
    path, _, query = rest.partition("?")
    unread = TRACKING | TRACKING_OF_HOSTS.get(host.removeprefix("www.").removeprefix("m."), _NONE)
    query, behind = _without(query, unread)
    shown = unquote(path.removesuffix("/"))
    return "".join(
        [host, shown, f"?{query}" if query else "", f"#{fragment}" if fragment else "", _folded(behind + closing)]
    )


def _without(query: str, unread: frozenset[str]) -> tuple[str, str]:
    """The query without these parameters, and what stands right behind the last of them in another script."""
    kept, behind = [], ""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name.lower() in unread or _UTM.fullmatch(name):
            behind = value[_ASCII_VALUE.match(value).end() :]
        elif pair:
            kept.append(pair)
    return "&".join(kept), behind
