"""Whatever happens to a desk: what is approved keeps every limit, and what is held can be sold."""

from __future__ import annotations

import pytest

from app import native
from tests.properties.histories import run


@pytest.mark.skipif(native.active(), reason="every review is looked at from its place: machine code has none")
def test_over_random_histories_approvals_keep_every_limit_and_reducing_is_always_possible() -> None:
    """The laws are asserted in `Life.review` and `Life.shrink`; here it is made sure that they were asked."""
    told = run(200)
    for each in ("approvals", "refusals", "clips", "reductions", "restarts"):
        assert told[each] >= 20, told
