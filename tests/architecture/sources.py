"""Finds, in Python source, every mention of a name by what it means, whatever it was imported as."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set
from pathlib import Path


def mentions(source: str, forbidden: Set[str]) -> Iterator[tuple[int, str]]:
    """Line and full name of every use of a forbidden name such as "os.environ" or "datetime.datetime.now".

    Follows `import x`, `import x as y` and `from x import y as z`; sees references as well as calls.
    """
    tree = ast.parse(source)
    means = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute | ast.Name):
            names = [_full_name(node, means)]
        else:
            continue
        for name in names:
            if name in forbidden:
                yield node.lineno, name


def offences(paths: Iterator[Path], forbidden: Set[str]) -> list[str]:
    return [
        f"{path}:{line} {name}"
        for path in paths
        for line, name in mentions(path.read_text(encoding="utf-8"), forbidden)
    ]


def _imported(tree: ast.Module) -> dict[str, str]:
    means: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                means[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                means[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return means


def _full_name(node: ast.Attribute | ast.Name, means: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return means.get(node.id, node.id) if node.id in means else ""
    if isinstance(node.value, ast.Attribute | ast.Name):
        owner = _full_name(node.value, means)
        return f"{owner}.{node.attr}" if owner else ""
    return ""
