"""Which desk this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def desk_version() -> str:
    """The installed version, or "unknown" in a tree that was never installed."""
    try:
        return version("trading-desk")
    except PackageNotFoundError:
        return "unknown"
