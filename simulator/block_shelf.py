"""The blocks of one market's tape: made when somebody asks, and only the newest few kept."""

from __future__ import annotations

from simulator.blocks import Block, MarketState, Recipe, block, opening


class BlockShelf:
    """Block `number` of a recipe, whatever was asked for before; at most `kept` stay in memory.

    The small state before every block is kept for good, so a block that was dropped is made again the same.
    """

    __slots__ = ("_blocks", "_kept", "_recipe", "_states")

    def __init__(self, recipe: Recipe, kept: int) -> None:
        self._recipe = recipe
        self._kept = kept
        self._states: list[MarketState] = [opening(recipe)]
        self._blocks: dict[int, Block] = {}

    def __getitem__(self, number: int) -> Block:
        found = self._blocks.get(number)
        if found is not None:
            return found
        states = self._states
        for behind in range(len(states) - 1, number):
            states.append(block(self._recipe, behind, states[behind]).after)
        made = block(self._recipe, number, states[number])
        if len(states) == number + 1:
            states.append(made.after)
        while len(self._blocks) >= self._kept:
            del self._blocks[next(iter(self._blocks))]
        self._blocks[number] = made
        return made
