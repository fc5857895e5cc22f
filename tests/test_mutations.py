"""The mutations are of code that is there; whether the suite notices each, `python -m tests.mutations` shows."""

from __future__ import annotations

import pytest

from tests.__main__ import ROOT
from tests.mutations import MUTATIONS, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.what)
def test_what_a_mutation_breaks_is_there_once(mutation: Mutation) -> None:
    assert not mutation.file or (ROOT / mutation.file).read_text().count(mutation.old) == 1
