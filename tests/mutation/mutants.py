"""What is broken: comparisons turned round or moved by one edge, limits times ten, early returns taken out.

A mutant is a place in the source and what stands there instead. Applying one gives the function of that
place new code; nothing on disk changes.
"""

from __future__ import annotations

import ast
import copy
import gc
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

_FLIPPED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_EDGE: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
TEN: Final = "_ten_times_"
NUMBERS: Final = ("_fraction", "_quote", "_seconds", "_count", "_ratio")
"""How the names of those limits end that can be multiplied."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """`number` counts the places of its kind in the file, from the top."""

    path: str
    line: int
    function: str
    kind: str
    number: int
    what: str

    @property
    def name(self) -> str:
        return f"{self.path}:{self.line} {self.function} {self.kind} {self.what}"


def ten_times(value: object) -> object:
    """A limit made ten times as loose or as strict; what is no number stays."""
    if isinstance(value, bool):
        return value
    return value * 10 if isinstance(value, int | Decimal) else value


def find(root: Path, path: Path) -> tuple[Mutant, ...]:
    """Every mutant of one file, in the order of the source."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = path.relative_to(root).as_posix()
    counts: dict[str, int] = {}
    found = []
    for place in _places(tree):
        number = counts.get(place.kind, 0)
        counts[place.kind] = number + 1
        found.append(Mutant(name, place.node.lineno, place.function, place.kind, number, place.what))
    return tuple(found)


def apply(root: Path, mutant: Mutant) -> bool:
    """Put the mutant into the loaded module; False when its function is not there to be changed."""
    source = root / mutant.path
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for count, place in enumerate(each for each in _places(tree) if each.kind == mutant.kind):
        if count == mutant.number:
            place.change()
            break
    else:
        return False
    module = sys.modules.get(mutant.path.removesuffix(".py").replace("/", "."))
    if module is None:
        return False
    code = compile(ast.fix_missing_locations(tree), str(source), "exec", dont_inherit=True)
    setattr(module, TEN, ten_times)
    return _swap(module, mutant.function, code)


@dataclass(slots=True)
class _Place:
    node: ast.stmt | ast.expr
    function: str
    kind: str
    what: str
    change: types.FunctionType | types.MethodType | _Change


class _Change:
    """Does one change to a tree."""

    def __init__(self, target: object, field: str, index: int | None, value: object) -> None:
        self._target, self._field, self._index, self._value = target, field, index, value

    def __call__(self) -> None:
        if self._index is None:
            setattr(self._target, self._field, self._value)
        else:
            getattr(self._target, self._field)[self._index] = self._value


def _places(tree: ast.Module) -> Iterator[_Place]:
    for function, node in _functions(tree, ""):
        yield from _inside(function, node)


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield f"{prefix}{child.name}", child
            yield from _functions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")


def _own(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Every node of a function with its parent, its field and its place there, without nested functions."""
    for field, value in ast.iter_fields(node):
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST) or isinstance(child, ast.FunctionDef | ast.ClassDef):
                continue
            yield node, field, index, child
            yield from _own(child)


def _inside(name: str, function: ast.FunctionDef) -> Iterator[_Place]:
    last = function.body[-1]
    body = copy.copy(function)
    body.decorator_list, body.args = [], ast.arguments([], [], None, [], [], None, [])
    body.returns = None
    for parent, field, index, node in _own(body):
        if isinstance(node, ast.Compare):
            yield from _comparisons(name, node)
        elif isinstance(node, ast.Attribute) and _is_limit(node):
            wrapped = ast.Call(ast.Name(TEN, ast.Load()), [copy.copy(node)], [])
            yield _Place(node, name, "limit", f"{node.attr} x 10", _Change(parent, field, index, wrapped))
        elif isinstance(node, ast.Return) and node is not last and index is not None:
            said = "return" if node.value is None else f"return {ast.unparse(node.value)[:60]}"
            yield _Place(node, name, "return", said, _Change(parent, field, index, ast.Pass()))


def _comparisons(name: str, node: ast.Compare) -> Iterator[_Place]:
    for index, op in enumerate(node.ops):
        said = ast.unparse(node)[:80]
        yield _Place(node, name, "flip", f"not: {said}", _Change(node, "ops", index, _FLIPPED[type(op)]()))
        if type(op) in _EDGE:
            yield _Place(node, name, "edge", f"edge: {said}", _Change(node, "ops", index, _EDGE[type(op)]()))


def _is_limit(node: ast.Attribute) -> bool:
    """`limits.name`, `case.limits.name`, and the like, read and not written; only those that are numbers."""
    if not isinstance(node.ctx, ast.Load) or not node.attr.endswith(NUMBERS):
        return False
    of = node.value
    return (isinstance(of, ast.Attribute) and of.attr == "limits") or (
        isinstance(of, ast.Name) and of.id == "limits"
    )


def _swap(module: types.ModuleType, function: str, code: types.CodeType) -> bool:
    """Give every live function of that name the code that was just made."""
    made: types.CodeType | None = code
    for part in function.replace(".<locals>", "").split("."):
        inner = next((c for c in (made.co_consts if made else ()) if _named(c, part)), None)
        if inner is None:
            return False
        made = inner
    if made is not None and "<locals>" in function:
        return _swap_inner(made)
    held: object = module
    for part in function.split("."):
        held = vars(held).get(part) if hasattr(held, "__dict__") else None
    live = _function(held)
    if live is None or made is None or len(live.__code__.co_freevars) != len(made.co_freevars):
        return False
    live.__code__ = made
    return True


def _swap_inner(made: types.CodeType) -> bool:
    """Give that code to every function that was made within another one and is still in use."""
    gc.unfreeze()
    live = [
        each
        for each in gc.get_objects()
        if isinstance(each, types.FunctionType)
        and each.__code__.co_qualname == made.co_qualname
        and each.__code__.co_filename == made.co_filename
        and each.__code__.co_freevars == made.co_freevars
    ]
    for each in live:
        each.__code__ = made
    return bool(live)


def _named(value: object, name: str) -> bool:
    return isinstance(value, types.CodeType) and value.co_name == name


def _function(held: object) -> types.FunctionType | None:
    """The plain function behind a method, a property, a decorator or a cache."""
    for _ in range(5):
        if isinstance(held, types.FunctionType) and not hasattr(held, "__wrapped__"):
            return held
        inner = (
            getattr(held, "fget", None)
            or getattr(held, "__func__", None)
            or getattr(held, "__wrapped__", None)
        )
        if inner is None:
            return None
        held = inner
    return None
