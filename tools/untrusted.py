"""Text from outside is data: it is made harmless to quote, and orders hidden in it are spotted.

Quoting is the defence; the patterns only keep the plainest attempts from taking part at all. What a text
can reach is bounded elsewhere: typed answers without quantities, the risk analyst's clamp, and the gate.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

MAX_CHARS: Final = 240

_ORDERS: Final = re.compile(
    r"""
      \b(ignore|disregard|forget|override|bypass|skip)\b .{0,40}
      \b(previous|prior|above|earlier|all|any|your|the|risk|safety)\b .{0,30}
      \b(instruction|prompt|rule|limit|guideline|direction|message|context|check|gate)s?\b
    | ^\W*(system|assistant)\s*: | [.!?:;|]\s*(system|assistant)\s*:
    | \b(system|developer|assistant|user)\s*(prompt|message|override)\b
    | <\s*/?\s*(system|assistant|user|instruction|tool)\b
    | \[\s*/?\s*(inst|system)\b | <\|
    | \byou\s+(are|must|should|will)\s+(now\s+)?
      (act|buy|sell|go|set|answer|respond|output|reply|an?\s+(\w+\s+)?(ai|bot|assistant|agent|model|trader))\b
    | \b(set|output|return|answer|respond\s+with|reply\s+with)\b .{0,30}
      \b(stance|confidence|json|tool|tactic)\b
    | \b(submit_intent|function_call|tool_call|evidence_ids?)\b
    | \b(new|updated)\s+(instruction|system\s+prompt)s?\b
    | \b(as\s+an?\s+(ai|language\s+model)|jailbreak|prompt\s+injection)\b
    | \bconfirm\s+(resume|panic|stop|order)\b
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=8192)
def quote(text: str) -> str:
    """One line that cannot leave its quotation: no control or invisible characters, fences or braces.

    At most `MAX_CHARS` characters; look-alike letters are folded (NFKC).
    """
    folded = unicodedata.normalize("NFKC", text)
    plain = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in folded)
    line = " ".join(plain.split())
    line = line.replace("`", "'").replace('"', "'").replace("{", "(").replace("}", ")")
    line = line.replace("<", "(").replace(">", ")").replace("[", "(").replace("]", ")").replace("\\", "/")
    return line if len(line) <= MAX_CHARS else line[: MAX_CHARS - 3] + "..."


@lru_cache(maxsize=8192)
def gives_orders(text: str) -> bool:
    """Whether the text talks to a machine rather than to readers: it is then left out, on record."""
    folded = unicodedata.normalize("NFKC", text)
    joined = "".join(one for one in folded if unicodedata.category(one) != "Cf")
    return _ORDERS.search(" ".join(joined.split())) is not None
