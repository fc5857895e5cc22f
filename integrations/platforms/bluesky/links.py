"""Which parts of a text become links on Bluesky: addresses with a protocol, and bare domains with a real top-level one.

Bluesky's server marks nothing; what is a link is for the client to say. This finds what the official client finds, and
leaves out what nobody could open: https://github.com/bluesky-social/atproto, its `rich-text` detection and the tests of
it (read 2026-11-28). Where the official client takes in too much (text that touches a host, marks of CJK scripts, the
bracket or quote that closes around the link), a link ends as on X and Mastodon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from unicodedata import normalize

import regex

from integrations.protocols.domains import TLDS

# Marks of CJK scripts: they end a clause or bracket one, and an address that holds one has it percent-encoded.
CJK_MARKS = "。、，．！？；：｡､「」『』（）【】《》〈〉〔〕〖〗｢｣"

_SPACE = r"\s\uFEFF"
_LABEL = r"[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+"
_SCHEME = r"[Hh][Tt][Tt][Pp][Ss]?://"  # under IGNORECASE, `s` would be U+017F too
_START = regex.compile(rf"(?P<scheme>{_SCHEME})|(?P<domain>{_LABEL}(?:\.{_LABEL})++)")

_ENDS_AUTHORITY = rf"{_SPACE}/?#\"“”‘«»`<>＜＞﹤﹥＂｀"
_AUTHORITY = regex.compile(rf"[^{_ENDS_AUTHORITY}]*+")
_USER = regex.compile(rf"[^{_ENDS_AUTHORITY}]*@")
_HOST_CHARACTER = r"[\p{L}\p{N}\p{M}\p{So}\p{Default_Ignorable_Code_Point}_-]"
_HOST = regex.compile(rf"{_HOST_CHARACTER}++(?:\.{_HOST_CHARACTER}++)*+|\[[0-9A-Fa-f:.]++\]")
_PORT = regex.compile(r"(?::[0-9]{1,5}(?![0-9]))?")
_TAIL = regex.compile(rf"(?:[/?#](?:(?![,;|]++{_SCHEME})[^{_SPACE}<>＜＞﹤﹥{CJK_MARKS}])*+)?")

_IGNORED = regex.compile(r"\p{Default_Ignorable_Code_Point}")
_MARK = regex.compile(r"\p{M}")
_KEYCAP = "\u20e3"
_PART_OF_A_WORD = regex.compile(r"[\p{L}\p{N}\p{M}@#$]")
_WRITTEN_WITHOUT_SPACES = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー]"
)
_IDNA_DOTS = str.maketrans("。｡", "..")
_LABEL_GOES_ON = regex.compile(r"[A-Za-z0-9\p{M}]|-+[A-Za-z0-9]")
_LABEL_CHARACTER = regex.compile(r"[\p{L}\p{N}\p{M}-]")
_NEXT_LABEL = regex.compile(r"\.([\p{L}\p{N}\p{M}-]+)")
_MAILBOX_GOES_ON = regex.compile(r"[A-Za-z0-9._%+-]*+[@\uFF20][\p{L}\p{N}]")
_NOT_AFTER_TLD = regex.compile(r"[0-9A-Za-z\p{M}-]")

_BRACKETS = {")": "(", "]": "[", "}": "{"}
_BRACKET = regex.compile(r"[()\[\]{}]")
_QUOTES = {
    '"': '"',
    "“": "”",
    "„": "“",
    "‘": "’",
    "‚": "‘",
    "«": "»",
    "»": "«",
    "‹": "›",
    "`": "`",
    "＂": "＂",
    "｀": "｀",
}
_EMPHASIS = "'*"  # these belong to an address as often as not: at its end only, and only when one stands before it
_ENDS_SENTENCE = regex.compile(r"[\p{Terminal_Punctuation}…–—]")


def _ascii_form(tld: str) -> str:
    return tld if tld.isascii() else f"xn--{tld.encode('punycode').decode()}"


_ASCII_TLDS = frozenset(_ascii_form(tld) for tld in TLDS)
_LONGEST_TLD = max(len(tld) for tld in TLDS)


@dataclass(frozen=True, slots=True)
class Link:
    """A stretch of text, in code points, and the address that it leads to."""

    start: int
    end: int
    address: str


def find_links(text: str) -> Iterator[Link]:
    """Give each link, in order and never overlapping."""
    at = 0
    while (found := _START.search(text, at)) is not None:
        start = found.start()
        if found["scheme"] is not None:
            end = _end_with_scheme(text, start, found.end())
            at = end or _after(_AUTHORITY, text, found.end())
            address = text[start:end]
        else:
            end = _end_of_bare_domain(text, start, found.end())
            at = end or found.end()
            address = f"https://{text[start:end]}"
        if end is not None:
            yield Link(start, end, address)


def is_domain(text: str) -> bool:
    """Whether it ends in a top-level domain that there is. `text` is in ASCII."""
    return text.rpartition(".")[2].lower() in _ASCII_TLDS and "." in text


def folded(character: str) -> str:
    """A character as names of hosts are read: full-width forms are the plain ones, and so are the stops of CJK."""
    return normalize("NFKC", character).translate(_IDNA_DOTS)


def character_before(text: str, at: int) -> str:
    """The character that what starts at `at` stands behind; "" for none, or for a keycap like 1️⃣.

    What nobody sees is looked through, and a combining mark belongs to what carries it.
    """
    marks = ""
    for place in range(at - 1, -1, -1):
        character = text[place]
        if _IGNORED.match(character):
            continue
        if _MARK.match(character):
            marks += character
            continue
        return "" if marks == _KEYCAP and character in "0123456789#*" else character
    return ""


def is_part_of_a_word(text: str, at: int) -> bool:
    """Whether what starts at `at` follows upon a letter, a digit, an @, # or $, however these are written."""
    before = folded(character_before(text, at))
    return bool(before) and _PART_OF_A_WORD.match(before[-1]) is not None


def domain_goes_on(text: str, at: int) -> bool:
    """Whether a domain in ASCII that ends at `at` is the beginning of a longer name that is not.

    A letter of another script is the text going on: CJK is written without spaces.
    """
    after, letters = "", 0
    for place in range(at, len(text)):
        if _IGNORED.match(text[place]):
            continue
        character = folded(text[place])
        after += character
        if character.strip("-."):
            letters += 1
            if letters > _LONGEST_TLD or not _LABEL_CHARACTER.match(character):
                break
    if _LABEL_GOES_ON.match(after):
        return True
    label = _NEXT_LABEL.match(after)
    return label is not None and _known_tld(label[1]) is not None


def _end_of_bare_domain(text: str, start: int, domain_end: int) -> int | None:
    before = folded(character_before(text, start))
    if before in ("-", "_", ".", "/") or is_part_of_a_word(text, start):
        return None
    if not is_domain(text[start:domain_end]) or domain_goes_on(text, domain_end):
        return None
    if text.startswith("(", domain_end) or _MAILBOX_GOES_ON.match(text, domain_end):  # a call: array.map(…)
        return None
    return _end(text, start, domain_end)


def _end_with_scheme(text: str, start: int, authority: int) -> int | None:
    before = character_before(text, start)
    if is_part_of_a_word(text, start) and not _WRITTEN_WITHOUT_SPACES.match(before):
        return None
    user = _USER.match(text, authority)
    for host in (user.end(), authority) if user else (authority,):
        found = _HOST.match(text, host)
        host_end = _host_end(text, host, found.end()) if found else None
        if host_end is not None:
            return _end(text, start, host_end)
    return None


def _host_end(text: str, start: int, end: int) -> int | None:
    """Where the host that was written from `start` to `end` really ends; None when nobody can be there."""
    host = text[start:end]
    if host.startswith("["):
        return end if _is_ip(IPv6Address, host[1:-1]) else None
    host = regex.sub(r"[\p{Default_Ignorable_Code_Point}.-]+$", "", host)
    if host.lower() == "localhost" or _is_ip(IPv4Address, host):
        return start + len(host)
    unknown = None
    while "." in host:
        name, _, label = host.rpartition(".")
        tld = _known_tld(label)
        if tld is not None:
            return start + len(name) + 1 + tld
        if unknown is None and label.isascii() and (label.isalpha() or label.lower().startswith("xn--")):
            unknown = start + len(host)  # there are newer top-level domains than our list
        host = name
    return unknown


def _is_ip(kind: type[IPv4Address] | type[IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except AddressValueError:
        return False
    return True


def _known_tld(label: str) -> int | None:
    """How much of a label is a top-level domain that there is: all of it, or what text in another script follows."""
    label = label.lower()
    if label in TLDS or label in _ASCII_TLDS:
        return len(label)
    for end in range(min(_LONGEST_TLD, len(label) - 1), 0, -1):
        if label[:end] in TLDS:
            following = folded(_IGNORED.sub("", label[end:])[:1])
            return None if _NOT_AFTER_TLD.match(following) else end
    return None


def _end(text: str, start: int, host_end: int) -> int:
    """Where a link ends whose host does at `host_end`."""
    port_end = _after(_PORT, text, host_end)
    end = _after(_TAIL, text, port_end)
    if end == port_end:
        return port_end
    opener = character_before(text, start)
    end = _before_closing_quote(text, port_end, end, opener)
    end = _before_closing_bracket(text, port_end, end)
    return _before_trailing_marks(text, port_end, end, opener)


def _after(pattern: regex.Pattern[str], text: str, at: int) -> int:
    """Where what matches at `at` ends; `at` when nothing does."""
    found = pattern.match(text, at)
    return found.end() if found else at


def _before_closing_quote(text: str, start: int, end: int, opener: str) -> int:
    closer = _QUOTES.get(opener)
    depth = 0
    for place in range(start, end) if closer else ():
        if text[place] == closer:
            if depth == 0:
                return place
            depth -= 1
        elif text[place] == opener:
            depth += 1
    return end


def _before_closing_bracket(text: str, start: int, end: int) -> int:
    """A bracket that nothing in the address opened belongs to the text around it."""
    opened: dict[str, int] = {"(": 0, "[": 0, "{": 0}
    for found in _BRACKET.finditer(text, start, end):
        bracket = found[0]
        if bracket in opened:
            opened[bracket] += 1
        elif opened[_BRACKETS[bracket]] == 0:
            return int(found.start())
        else:
            opened[_BRACKETS[bracket]] -= 1
    return end


def _before_trailing_marks(text: str, start: int, end: int, opener: str) -> int:
    address = text[start:end]
    unopened = {
        '"': address.count('"') % 2,
        "”": address.count("”") - address.count("“"),
        "»": address.count("»") - address.count("«"),
    }
    while end > start:
        last = text[end - 1]
        if unopened.get(last, 0) > 0:
            unopened[last] -= 1
        elif not _ENDS_SENTENCE.match(last) and not (last == opener and opener in _EMPHASIS):
            break
        end -= 1
    return end
