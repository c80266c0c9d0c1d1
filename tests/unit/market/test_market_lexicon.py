"""What headlines sound like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.news.lexicon import score

GOOD = [
    "Bitcoin surges past $60,000 on ETF approval",
    "Spot funds see record inflows for the tenth day",
    "Bitcoin hits all-time high",
    "Analysts expect a rally after the halving",
    "Exchange resumes withdrawals",
    "Regulator approves first Solana fund",
]
BAD = [
    "Exchange hacked: $200M stolen in bridge exploit",
    "Ethereum plunges as liquidations mount",
    "Funds report third week of outflows",
    "Lender files for bankruptcy",
    "Exchange halts withdrawals",
    "SEC sues issuer of the token",
    "Stablecoin depegs",
]
NEITHER = [
    "",
    "Bitcoin trades sideways",
    "Company buys shares of the Grayscale trust",
    "Interest in block space",
    "123 !!! ???",
]


@pytest.mark.parametrize("text", GOOD)
def test_good_news_scores_above_zero(text: str) -> None:
    assert score(text) > 0.2


@pytest.mark.parametrize("text", BAD)
def test_bad_news_scores_below_zero(text: str) -> None:
    assert score(text) < -0.2


@pytest.mark.parametrize("text", NEITHER)
def test_what_is_neither_scores_zero(text: str) -> None:
    assert score(text) == 0


@pytest.mark.parametrize(
    ("plain", "denied"),
    [
        ("Exchange hacked", "Exchange not hacked"),
        ("Hack at exchange", "Exchange denies hack"),
        ("ETF approval", "SEC denies ETF approval"),
        ("ETF approval", "SEC rejects ETF approval"),
        ("Bitcoin to rally", "Bitcoin fails to rally"),
        ("Bankruptcy at lender", "Lender avoids bankruptcy"),
        ("Exploit in protocol", "No exploit in protocol"),
    ],
)
def test_a_negation_turns_the_score_around(plain: str, denied: str) -> None:
    assert score(plain) * score(denied) < 0


def test_a_denial_of_something_neutral_stays_bad_news() -> None:
    assert score("SEC rejects spot Bitcoin fund") < -0.2


@given(st.text(max_size=200))
def test_any_text_scores_within_bounds_and_always_the_same(text: str) -> None:
    assert -1 <= score(text) <= 1
    assert score(text) == score(text)
