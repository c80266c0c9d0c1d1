"""`[risk]` of the settings: the limits document, with the defaults that follow from the other sections."""

from __future__ import annotations

import difflib
from typing import Final

from app.settings import Settings
from domain.errors import ConfigError
from risk.document import BUILT_IN, LimitsDocument
from risk.limits import DEFAULTS, RiskLimits

_ON_PAPER: Final = "allow_estimated_prices"
"""The paper venue trades around the very quote that it models; a venue knows nothing of it."""


def document_of(settings: Settings) -> LimitsDocument:
    """The configured limits with their ceilings: the file, and what it leaves out conservatively filled in.

    Raises ConfigError naming the key and what to write instead.
    """
    on_paper = settings.mode == "paper"
    symbols = settings.session.symbols
    defaults: dict[str, object] = {**DEFAULTS, "allowed_symbols": symbols, _ON_PAPER: on_paper}
    defaults["max_quote_age_seconds"] = settings.max_quote_age_seconds()
    document = LimitsDocument.read(
        settings.risk, defaults=defaults, absolute={**BUILT_IN, _ON_PAPER: on_paper}
    )
    for symbol in sorted(document.limits.allowed_symbols or ()):
        if symbol not in symbols:
            near = difflib.get_close_matches(symbol, symbols, n=1)
            raise ConfigError(
                f"risk limit allowed_symbols names {symbol}, which is not in session.symbols",
                fix=f"Did you mean {near[0]}?" if near else f"The session trades {', '.join(symbols)}",
            )
    return document


def limits_of(settings: Settings) -> RiskLimits:
    """The configured limits. A running desk may hold others, changed since: see `app.limiting`."""
    return document_of(settings).limits
