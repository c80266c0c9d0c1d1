"""The strategies by name, as the configuration names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from domain.errors import ConfigError
from strategies.base import Strategy
from strategies.breakout import Breakout, BreakoutParameters
from strategies.ma_crossover import MaCrossover, MaCrossoverParameters
from strategies.rsi_reversion import RsiReversion, RsiReversionParameters

_MAKERS: Mapping[str, Callable[[Mapping[str, Any]], Strategy]] = {
    MaCrossover.name: lambda told: MaCrossover(MaCrossoverParameters.model_validate(told)),
    RsiReversion.name: lambda told: RsiReversion(RsiReversionParameters.model_validate(told)),
    Breakout.name: lambda told: Breakout(BreakoutParameters.model_validate(told)),
}

NAMES = tuple(_MAKERS)


def make(name: str, parameters: Mapping[str, Any] | None = None) -> Strategy:
    """The strategy called `name`. Raises ConfigError for a name or a parameter it does not know."""
    maker = _MAKERS.get(name)
    if maker is None:
        raise ConfigError(f"there is no strategy {name!r}", fix=f"Use one of {', '.join(NAMES)}")
    try:
        return maker(parameters or {})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "its parameters"
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"strategy {name}: {place}: {said}", fix="Mend its parameters") from None


def make_all(names: Iterable[str]) -> tuple[Strategy, ...]:
    """One strategy of each name with its default parameters. Raises ConfigError on a repeated name."""
    wanted = tuple(names)
    if len(set(wanted)) != len(wanted):
        raise ConfigError("a strategy is named twice", fix="Name each strategy once")
    return tuple(make(name) for name in wanted)
