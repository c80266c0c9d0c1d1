"""What an operator wants, told from the words alone: no model needed, and none can be talked into it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agents.desk_view import DeskAction


class Topic(StrEnum):
    """What a question is about."""

    EXPLAIN = "explain"
    POSITIONS = "positions"
    ORDERS = "orders"
    PROFIT = "profit"
    HALT = "halt"
    LIMITS = "limits"
    DECISIONS = "decisions"
    STATUS = "status"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Question:
    """A question on a topic; `name` is an order or cycle id, `symbol` a symbol, where they were named.

    `trade`: the words are about buying or selling rather than about thinking.
    """

    topic: Topic
    name: str = ""
    symbol: str = ""
    trade: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """An order to the desk itself. `confirmed`: the words say `confirm`."""

    action: DeskAction
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Tightening:
    """A risk limit that is to be stricter. The words are not checked: the desk refuses anything looser."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """`confirm <id>` of something proposed before."""

    confirm_id: str


_POLITE: Final = r"(?:please\s+|now\s+|desk,?\s+|ok(?:ay)?,?\s+)*"
_OBJECT: Final = r"(?:\s+(?:the\s+|all\s+)?(?:desk|trading|trades|bot|everything|system|session))?"
_TAIL: Final = r"(?:\s+(?:now|please|immediately))*\s*[.!]*"

_COMMANDS: Final = {
    action: re.compile(rf"/?{_POLITE}(?P<confirm>confirm\s+)?(?:{words}){_OBJECT}{_TAIL}", re.IGNORECASE)
    for action, words in (
        (
            DeskAction.PAUSE,
            r"pause|hold(?:\s+on)?|freeze|no\s+(?:new|more)\s+(?:risk|trades|orders|positions)",
        ),
        (DeskAction.STOP, r"(?:emergency\s+)?stop|halt|abort"),
        (DeskAction.RESUME, r"resume|unpause|continue|start(?:\s+again)?"),
        (
            DeskAction.PANIC,
            r"panic|flatten|liquidate|(?:go|get)\s+flat|get\s+(?:me\s+)?out(?:\s+of)?|kill\s*switch|"
            r"(?:close|sell|exit)\s+(?:it\s+all|all|everything)(?:\s+(?:my\s+)?positions)?",
        ),
    )
}
_TIGHTEN: Final = re.compile(
    rf"/?{_POLITE}(?:tighten|limit|set|lower|raise)\s+(?P<name>[a-z]+(?:_[a-z]+)+)\s+(?:to\s+|=\s*)?"
    r"(?P<value>\S(?:.{0,498}\S)?)",
    re.IGNORECASE,
)
_CONFIRM: Final = re.compile(r"/?confirm\s+([a-z]+-[0-9a-f]{8})\s*[.!]*", re.IGNORECASE)
_TRADE: Final = re.compile(
    r"\b(?:buy|bought|sell|sold|trade[ds]?|trading|orders?|ordered|fills?|filled)\b", re.IGNORECASE
)
_NAME: Final = re.compile(r"\b[A-Za-z0-9][A-Za-z0-9-]*-\d{6}(?:-\d{2,})?\b")

_TOPICS: Final = tuple(
    (topic, re.compile(rf"\b(?:{words})\b", re.IGNORECASE))
    for topic, words in (
        (Topic.HELP, r"help|commands|what can (?:you|i) (?:do|ask)"),
        (Topic.EXPLAIN, r"why|explain|reasons?|how come"),
        (Topic.LIMITS, r"limits?|risks?|exposure|collar|allowed"),
        (Topic.HALT, r"halt(?:ed)?|paused?|stopped|latch(?:ed)?|trading\s+(?:on|active|allowed)"),
        (
            Topic.PROFIT,
            r"p\s*&\s*l|pnl|profits?|loss(?:es)?|lost|earn(?:ed|ings)?|made|making|equity|balance|cash|money|return|"
            r"drawdown|fees?|performance",
        ),
        (Topic.POSITIONS, r"positions?|holdings?|hold(?:ing)?|own|exposed|stops?"),
        (Topic.ORDERS, r"orders?|fills?|filled|trades?|bought|sold|buy|sell"),
        (Topic.DECISIONS, r"decisions?|decided?|cycles?|doing|thinking|opinions?|views?|agents?"),
        (Topic.STATUS, r"status|state|up|alive|running|hello|hi|how are|how is|health"),
    )
)


def recognise(text: str, symbols: Iterable[str]) -> Command | Tightening | Confirmation | Question | None:
    """A command only when the whole text is one; otherwise a question, or None when nothing fits.

    "don't stop", "should I pause?" and a pasted headline that says "panic" are not commands.
    """
    line = " ".join(text.split())
    if found := _CONFIRM.fullmatch(line):
        return Confirmation(found.group(1).lower())
    for action, pattern in _COMMANDS.items():
        if matched := pattern.fullmatch(line):
            return Command(action, matched.group("confirm") is not None)
    if found := _TIGHTEN.fullmatch(line):
        return Tightening(found["name"].lower(), found["value"].rstrip("!."))
    named = _NAME.search(line)
    name = named.group(0) if named else ""
    symbol = _symbol(line, symbols)
    for topic, pattern in _TOPICS:
        if pattern.search(line):
            trade = topic is Topic.EXPLAIN and _TRADE.search(line) is not None
            return Question(topic, name, symbol, trade)
    if name:
        return Question(Topic.EXPLAIN, name, symbol)
    return Question(Topic.POSITIONS, "", symbol) if symbol else None


def _symbol(line: str, symbols: Iterable[str]) -> str:
    """The symbol a text names, whole (BTC/USDT) or by its base (BTC)."""
    for symbol in symbols:
        base = symbol.partition("/")[0]
        if re.search(rf"(?<![A-Za-z0-9]){re.escape(base)}(?![A-Za-z0-9])", line, re.IGNORECASE):
            return symbol
    return ""
