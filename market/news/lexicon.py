"""Sentiment of a headline from word lists alone: VADER with the words of finance and crypto.

VADER (Hutto and Gilbert, 2014) scores everyday English; this file adds what markets mean by their words
("surge", "outflow", "exploit") and silences what they do not mean emotionally ("share", "interest").
Negation and emphasis are VADER's own. Nothing is downloaded: the list comes inside the package.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

# Valence as VADER counts it: -4 the worst, 4 the best.
_WORDS: Final[dict[str, float]] = {
    # prices
    "surge": 2.4, "surges": 2.4, "surged": 2.3, "surging": 2.3, "soar": 2.6, "soars": 2.6, "soared": 2.5,
    "soaring": 2.5, "rally": 2.0, "rallies": 2.0, "rallied": 1.9, "rebound": 1.6, "rebounds": 1.6,
    "rebounded": 1.5, "jump": 1.5, "jumps": 1.6, "jumped": 1.5, "climb": 1.3, "climbs": 1.3, "climbed": 1.2,
    "rise": 1.1, "rises": 1.2, "rising": 1.1, "rose": 1.1, "outperform": 1.8, "outperforms": 1.8,
    "breakout": 1.5, "skyrocket": 2.8, "skyrockets": 2.8, "moon": 1.8, "mooning": 2.2, "bull": 1.5,
    "bulls": 1.4, "bullish": 2.4, "uptrend": 1.7, "recover": 1.4, "recovers": 1.5, "recovery": 1.5,
    "plunge": -2.7, "plunges": -2.7, "plunged": -2.6, "plunging": -2.6, "plummet": -2.8, "plummets": -2.8,
    "plummeted": -2.7, "tumble": -2.1, "tumbles": -2.2, "tumbled": -2.1, "slump": -2.0, "slumps": -2.0,
    "slumped": -1.9, "slide": -1.2, "slides": -1.4, "slid": -1.3, "sink": -1.6, "sinks": -1.8, "sank": -1.7,
    "fall": -1.1, "falls": -1.3, "fell": -1.2, "falling": -1.2, "drops": -1.4, "dropped": -1.3,
    "crashes": -2.9, "crash": -2.9, "crashed": -2.8, "crashing": -2.8, "collapse": -3.0, "collapses": -3.0,
    "collapsed": -2.9, "tank": -2.2, "tanks": -2.2, "tanked": -2.2, "selloff": -2.2, "bear": -1.4,
    "bears": -1.2, "bearish": -2.4, "downtrend": -1.7, "capitulation": -2.4, "bloodbath": -3.2, "rout": -2.4,
    "dump": -2.0, "dumps": -2.0, "dumped": -1.9, "underperform": -1.6, "volatility": -0.4, "correction": -0.9,
    # flows and adoption
    "inflow": 1.6, "inflows": 1.7, "outflow": -1.6, "outflows": -1.7, "accumulate": 1.2, "accumulates": 1.3,
    "accumulation": 1.2, "adopt": 1.6, "adopts": 1.7, "adoption": 1.8, "partnership": 1.5, "partners": 1.3,
    "integrates": 1.2, "integration": 1.1, "listing": 1.2, "upgrade": 1.4, "upgrades": 1.4, "halving": 1.2,
    "buyback": 1.4, "mainnet": 1.0, "institutional": 0.6, "delist": -2.2, "delists": -2.2, "delisted": -2.2,
    "delisting": -2.2, "downgrade": -1.7, "downgrades": -1.7, "downgraded": -1.7, "layoffs": -1.8,
    # law
    "approval": 2.2, "approve": 2.0, "approves": 2.2, "approved": 2.1, "greenlight": 1.9, "greenlights": 1.9,
    "lawsuit": -1.8, "sues": -1.9, "sued": -1.9, "subpoena": -1.7, "indicted": -2.5, "indictment": -2.4,
    "sanction": -1.7, "sanctions": -1.7, "sanctioned": -1.8, "crackdown": -2.2, "probe": -1.3, "probes": -1.3,
    "investigation": -1.3, "investigates": -1.3, "fined": -1.7, "rejection": -1.9, "rejects": -1.9,
    "rejected": -1.9,
    "bans": -2.5, "outlaws": -2.4, "laundering": -2.3, "ponzi": -3.2,
    # accidents and failures
    "hack": -3.0, "hacks": -3.0, "hacked": -3.1, "hacker": -2.2, "hackers": -2.3, "exploit": -2.7,
    "exploits": -2.6, "exploited": -2.8, "exploiter": -2.4, "breach": -2.4, "breached": -2.4, "drained": -2.7,
    "drains": -2.6, "stolen": -2.6, "rugpull": -3.4, "phishing": -2.3, "vulnerability": -1.9, "outage": -1.8,
    "halts": -1.7, "halted": -1.6, "suspends": -1.9, "suspended": -1.8, "freezes": -1.7, "depeg": -2.7,
    "depegs": -2.8, "depegged": -2.7, "insolvent": -3.0, "insolvency": -3.0, "bankrupt": -3.1,
    "bankruptcy": -3.1, "default": -2.0, "defaults": -2.1, "liquidation": -2.0, "liquidations": -2.1,
    "liquidated": -2.1, "contagion": -2.6, "fud": -1.5, "bubble": -1.4, "capitulate": -2.2,
    # meant differently here than in everyday speech
    "share": 0.0, "shares": 0.0, "interest": 0.0, "security": 0.0, "securities": 0.0, "block": 0.0,
    "blocks": 0.0, "gross": 0.0, "crude": 0.0, "trust": 0.0, "novel": 0.0, "party": 0.0, "chance": 0.0,
    "top": 0.0, "fine": 0.0, "like": 0.0, "bitcoin": 0.0, "hand": 0.0, "matter": 0.0, "please": 0.0,
}  # fmt: skip

# Said in several words, scored as one.
_PHRASES: Final[dict[str, float]] = {
    "etf approval": 3.0,
    "record high": 2.4,
    "record highs": 2.4,
    "all-time high": 2.6,
    "all time high": 2.6,
    "new high": 1.8,
    "short squeeze": 1.6,
    "rate cut": 1.3,
    "rate cuts": 1.3,
    "bull run": 2.3,
    "record low": -2.4,
    "all-time low": -2.6,
    "all time low": -2.6,
    "new low": -1.8,
    "sell-off": -2.2,
    "sell off": -2.2,
    "rug pull": -3.4,
    "bank run": -2.8,
    "rate hike": -1.4,
    "rate hikes": -1.4,
    "death cross": -1.9,
    "golden cross": 1.7,
    "bear market": -2.2,
    "bull market": 2.0,
    "margin call": -2.0,
    "wash trading": -2.0,
    "money laundering": -2.5,
    "chapter 11": -3.0,
    "wells notice": -2.2,
    "halts withdrawals": -3.2,
    "halted withdrawals": -3.2,
    "freezes withdrawals": -3.2,
    "suspends withdrawals": -3.2,
    "resumes withdrawals": 1.8,
}

# Verbs that turn the word they act on into its opposite, the way "not" does.
_DENIALS: Final = (
    "rules out", "ruled out", "denies", "denied", "deny", "denying", "avoids", "avoided", "averts", "averted",
    "dismisses", "dismissed", "refutes", "refuted", "rejects", "rejected", "fails to", "failed to",
)  # fmt: skip

_PHRASE_FORM: Final = re.compile(
    r"\b(" + "|".join(sorted(map(re.escape, _PHRASES), key=len, reverse=True)) + r")\b", re.IGNORECASE
)
_DENIAL_FORM: Final = re.compile(r"\b(" + "|".join(map(re.escape, _DENIALS)) + r")\b", re.IGNORECASE)
_REACH = 3  # words after a negation that it covers, as in VADER


def score(text: str) -> float:
    """How good (1) or bad (-1) a headline sounds for the assets it speaks of; 0 when it says neither.

    Pure and deterministic; no text raises an error. A score is no forecast: it says how the words sound.
    """
    joined = _PHRASE_FORM.sub(lambda match: _token(match[0].lower()), text)
    plain = _DENIAL_FORM.sub(_denial, joined)
    return float(_analyzer().polarity_scores(plain)["compound"])


def _denial(match: re.Match[str]) -> str:
    """ "not" where the verb denies something good or bad; else the verb keeps its own weight."""
    lexicon = _analyzer().lexicon
    following = match.string[match.end() :].split(maxsplit=_REACH)[:_REACH]
    denied = any(lexicon.get(word.strip(".,:;!?'\"").lower()) for word in following)
    return "not" if denied else match[0]


def _token(phrase: str) -> str:
    return re.sub(r"\W+", "_", phrase)


@cache
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon.update(_WORDS)
    analyzer.lexicon.update({_token(phrase): valence for phrase, valence in _PHRASES.items()})
    return analyzer
