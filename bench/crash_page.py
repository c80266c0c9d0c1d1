"""docs/crashes.md, written from what was measured (`--page` of `python -m bench.crashes`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from bench.crash_witness import Loss, Run

_TOLD: Final = 14

_INTRO: Final = """# Real crashes

What the desk did on the worst days of 2021 and 2022, and what it stopped a reckless policy from doing.
This page is the output of `python -m bench.crashes FOLDER --page docs/crashes.md`; the same candles
give the same page.

- **Data**: hourly candles of Binance's BTC, ETH and SOL perpetuals against USDT, a few weeks around
  each crash; everything earlier in the files is warm-up. Spot rules: long only, no leverage, no
  funding.
- **Costs**: {costs}.
- **Trials**: one. Nothing was tuned to these weeks; settings and limits are the defaults.
- **Policies**: `default` is the desk as it comes, without a language model. `reckless` is always
  certain that everything rises; besides, after every bar it asks for all it can pay for without a stop,
  then, whenever the price is below what it paid, for as much more as the gate lets through, with the
  widest stop allowed. `reckless, no breakers` is the same with every circuit breaker set out of reach,
  so that only limits are left.

## What had to hold

On every day the loss of equity since UTC midnight, and at all times its fall from the peak, unrealised
profit and loss included, stay within their limit plus the **gap bound**. A limit is looked at when a
bar closes. Until then only stops act that rest already, so the loss may pass the limit by what the book
loses within that one bar: what was held at the close before, from that close to the bar's low, what was
bought on the bar, from its price to the low, and the fees. Then the desk sells everything, on the next
bar; the second part of the bound is what those sales got less than the close that decided them, and
their fees. Nothing else is allowed for, and the first part comes from holdings and candles, not from
the loss that it is held against. The program ends with exit code 1 when one loss was larger.

An hour is long: on 2021-05-19 between 12:00 and 13:00 UTC SOL traded 43 % below its last close. With
shorter bars the bound is smaller.

"""

_OUTRO: Final = """## How to read it

- The default desk was never near a limit: it holds less, and it leaves sooner. That is no promise of
  profit. It lost less than holding in weeks of falling prices; in a rally it would also gain less.
- The reckless policy is what the gate is for. It was refused thousands of times, for many reasons at
  once, and the breakers stopped it before the limits of a day and of the peak had to.
- Without breakers the limits alone bound it. Each time one was reached everything was sold on the next
  bar, and the loss ended there; the peak's limit then keeps it out of the market until a person
  decides.
- Losses of the reckless policy are large all the same. A limit is a bound, not a plan: 5 % a day and 20
  % in all.
"""


def page(runs: Sequence[Run]) -> str:
    """The whole page."""
    costs = ", ".join(f"{name} {value}" for name, value in runs[0].costs.items())
    parts = [_INTRO.format(costs=costs)]
    parts += ["## What happened\n\n", *_table(_HEAD, (_row(run) for run in runs)), "\n"]
    parts += [
        "A gap and a cost of selling stand only where the limit was reached on the worst day, or at the "
        "deepest point. *Largest hour* is what one bar at most took from the book as held, stops left "
        "aside.\n\n"
    ]
    for name in dict.fromkeys(run.crash for run in runs):
        parts += _crash([run for run in runs if run.crash == name])
    return "".join([*parts, _OUTRO])


_HEAD: Final = (
    "crash",
    "policy",
    "return",
    "holding",
    "worst day",
    "limit",
    "gap",
    "selling",
    "fall from peak",
    "limit",
    "gap",
    "selling",
    "invested at most",
    "largest hour",
    "kept",
)


def _row(run: Run) -> tuple[str, ...]:
    return (
        run.crash,
        run.policy,
        f"{run.total_return:+.1%}",
        f"{run.buy_and_hold or 0.0:+.1%}",
        *_loss(run.day),
        *_loss(run.drawdown),
        f"{run.most_invested:.0%}",
        f"{run.largest_gap:.1%}",
        "yes" if run.kept else "**NO**",
    )


def _loss(loss: Loss) -> tuple[str, ...]:
    reached = loss.gap or loss.selling
    more = (f"{loss.gap:.2%}", f"{loss.selling:.2%}") if reached else ("-", "-")
    return (f"{loss.worst:.2%}", f"{loss.limit:.0%}", *more)


def _crash(runs: Sequence[Run]) -> Iterable[str]:
    yield f"### {runs[0].crash}, {runs[0].first} to {runs[0].last}\n\n"
    for run in runs:
        asked = f"; it asked by itself for {run.asked:,} orders and got {run.bought:,}" if run.asked else ""
        yield f"**{run.policy}**: {run.fills:,} fills, {run.fees:.2f} USDT of fees{asked}.\n\n"
        if run.refusals:
            told = ", ".join(f"{rule} {count:,}" for rule, count in run.refusals.items())
            yield f"- Refused by rule (an order may break several): {told}.\n"
        for line in run.limits_reached:
            yield f"- {line}: everything sold.\n"
        for line in run.halts:
            yield f"- Halt: {line}.\n"
        if run.breakers:
            told = ", ".join(f"{name} {count}" for name, count in run.openings.items())
            yield f"- Breakers: {told}.\n"
            own = [line for line in run.breakers if " strategy_" not in line]
            yield from (f"  - {line}\n" for line in own[:_TOLD])
            if len(own) > _TOLD:
                yield f"  - and {len(own) - _TOLD} more of market, account and system\n"
        yield "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield "| " + " | ".join(head) + " |\n"
    yield "|" + " --- |" * len(head) + "\n"
    for row in rows:
        yield "| " + " | ".join(row) + " |\n"
