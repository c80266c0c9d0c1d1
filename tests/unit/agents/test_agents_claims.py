"""Whether a claimed value is the one that was shown."""

from __future__ import annotations

import pytest

from agents.claims import same


@pytest.mark.parametrize(
    ("claimed", "shown"),
    [
        (62.5, 62.5),
        (62.48, 62.4812),
        (62.0, 62.4812),
        (0.08, 0.0803),
        (-3.2, -3.2049),
        (43_250.0, 43_251.3),
        ("43250", 43_250.0),
        (100_000.0, "100000.00"),
        ("Yes", "yes"),
        (0.0, 0.0),
    ],
)
def test_rounding_is_allowed(claimed: float | str, shown: float | str) -> None:
    assert same(claimed, shown)


@pytest.mark.parametrize(
    ("claimed", "shown"),
    [
        (62.5, 61.0),
        (1.0, 1.4),
        (0.0, 0.3),
        (3.2, -3.2),
        (44_000.0, 43_250.0),
        (1_200.0, 1_240.0),
        ("no", "yes"),
        ("rising", 62.5),
    ],
)
def test_another_value_is_not_the_same(claimed: float | str, shown: float | str) -> None:
    assert not same(claimed, shown)
