"""What the simulator takes for an identifier of the AT Protocol: our cases, and the protocol's own where at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from sandbox.platforms.bluesky import syntax
from tests.specifications.copies import copy_of
from tests.specifications.identifiers import RIGHT, WRONG

FITS: Mapping[str, Callable[[str], bool]] = {
    "aturi": syntax.is_at_uri,
    "datetime": syntax.is_datetime,
    "did": syntax.is_did,
    "handle": syntax.is_handle,
    "language": syntax.is_language,
    "nsid": syntax.is_nsid,
    "recordkey": syntax.is_record_key,
    "tid": syntax.is_tid,
}


@pytest.mark.parametrize("kind", FITS)
def test_right_ones_are_taken_and_wrong_ones_are_not(kind: str) -> None:
    fits = FITS[kind]

    assert [text for text in RIGHT[kind] if not fits(text)] == []
    assert [text for text in WRONG[kind] if fits(text)] == []


def test_there_are_cases_for_every_kind() -> None:
    assert RIGHT.keys() == WRONG.keys() == FITS.keys()


def test_every_case_of_the_protocol() -> None:
    folder = copy_of("atproto-interop")
    wrong = []
    for kind, fits in FITS.items():
        for name, is_right in (("valid", True), ("invalid", False)):
            lines = (folder / f"{kind}_syntax_{name}.txt").read_text().splitlines()
            cases = [line for line in lines if line.strip() and not line.startswith("#")]
            assert cases
            wrong += [(kind, case) for case in cases if fits(case) is not is_right]

    assert wrong == []
