"""What a person sees in the terminal while the desk runs: a line for everything that matters."""

from __future__ import annotations

from collections.abc import Callable

from app.render import amount, text
from domain.events import (
    CycleRecorded,
    DeskEvent,
    HaltChanged,
    IntentRefused,
    Notice,
    OpinionGiven,
    OrderClosed,
    OrderFilled,
    StopArmed,
)
from domain.opinions import Abstention
from domain.orders import OrderStatus

_QUIET_CYCLES = 20


class Console:
    """Listens and prints: decisions that change something, fills, refusals, stops, halts and notices.

    A desk that decides to do nothing says so now and then, so that silence means trouble.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._quiet = 0

    def see(self, event: DeskEvent) -> None:
        told = self._tell(event)
        if told:
            self._say(f"{text(event.at)}  {told}")

    def _tell(self, event: DeskEvent) -> str:
        match event:
            case CycleRecorded():
                return self._decided(event)
            case OrderFilled(fill=fill):
                fee = f"fee {amount(fill.fee.amount)} {fill.fee.currency}"
                quantity = f"{amount(fill.quantity)} {fill.symbol}"
                return f"fill      {fill.side} {quantity} at {amount(fill.price)}, {fee}"
            case IntentRefused(intent=intent, breaches=breaches):
                why = "; ".join(breach.message for breach in breaches)
                return f"refused   {intent.side} {amount(intent.quantity)} {intent.symbol}: {why}"
            case OrderClosed() if event.status == OrderStatus.REJECTED:
                return f"rejected  {event.client_id}: {event.reason}"
            case StopArmed():
                by = f" ({event.rule.replace('_', ' ')})" if event.rule else ""
                return (
                    f"stop      {amount(event.quantity)} {event.symbol} at {amount(event.trigger_price)}{by}"
                )
            case OpinionGiven(view=Abstention(source=source, symbol=None, reason=reason)):
                return f"abstains  {source}: {reason}"
            case HaltChanged(halt=halt):
                latched = ", latched" if halt.latched else ""
                return f"halt      {halt.state}{latched}: {halt.reason} (by {halt.by})"
            case Notice():
                return f"{event.level:<8}  {event.message}"
            case _:  # the rest is for the journal and the page
                return ""

    def _decided(self, event: CycleRecorded) -> str:
        if event.summary != "no change":
            self._quiet = 0
            return f"decision  {event.summary}"
        self._quiet += 1
        if self._quiet % _QUIET_CYCLES:
            return ""
        return f"decision  no change, {self._quiet} times in a row"
