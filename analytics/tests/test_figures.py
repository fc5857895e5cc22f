"""The rate that is read off figures."""

from __future__ import annotations

import pytest

from analytics.figures import FIGURES, LARGEST, credible, engagement_rate
from analytics.services.sums import summed


def figures(**told):
    return {**dict.fromkeys(FIGURES), **told}


@pytest.mark.parametrize(
    ("told", "rate"),
    [
        ({"views": 1250, "likes": 45, "shares": 12, "comments": 8}, 5.2),
        ({"views": 1250, "reach": 1000, "likes": 45, "shares": 12, "comments": 8}, 6.5),
        ({"views": 3, "likes": 1}, 33.33),
        ({"views": 800, "likes": 1}, 0.13),
        ({"views": 10, "likes": 0}, 0.0),
        ({"views": 10}, None),
        ({"likes": 10}, None),
        ({"views": 0, "likes": 1}, None),
        ({"views": 10, "reach": 0, "likes": 1}, None),
        ({"views": 800, "likes": -1}, -0.13),
        ({"views": LARGEST, "likes": LARGEST - 1, "comments": 1}, 100.0),
    ],
)
def test_engagement_rate(told, rate):
    assert engagement_rate(figures(**told)) == rate


def test_rate_of_several_leaves_out_whose_audience_nobody_counts():
    sums = summed([figures(views=100, likes=5), figures(reach=100, views=900, likes=15), figures(likes=1000)])

    assert (sums.figures["likes"], sums.figures["views"], sums.figures["clicks"], sums.rate) == (1020, 1000, None, 10.0)


@pytest.mark.parametrize(
    ("told", "stored"), [(0, 0), (LARGEST, LARGEST), (-1, None), (LARGEST + 1, None), (None, None)]
)
def test_what_cannot_be_a_total_counts_as_not_told(told, stored):
    assert credible(told) == stored
