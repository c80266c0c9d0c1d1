"""One typed door to Numba's compiler, which has no types of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile a function at its first call, once per process and types of arguments.

    Nothing is kept on disk: a cache would write beside the source. Modules that use it load Numba, so
    they are imported where they are needed.
    """
    import numba

    made: _F = numba.njit(function, forceinline=True)
    return made
