"""The settings of the venue: which one, whether its money is real, and where it is."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from app.section import Mode, Section

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class VenueSection(Section):
    """Where orders go. Keys stand in the environment, never here."""

    name: Literal["paper", "binance-testnet", "gate-testnet", "mexc", "coinbase"] = "paper"
    live: bool = False
    url: str | None = None
    stream_url: str | None = None

    @property
    def mode(self) -> Mode:
        """Whether money is real: "live" only where it is."""
        if self.name == "paper":
            return "paper"
        return "live" if self.live else "testnet"

    @property
    def home_kind(self) -> str:
        """What a home folder belongs to: paper, testnet and live never share one, and no two venues do."""
        return self.name if self.mode != "live" else f"{self.name} live"

    @property
    def rehearsal(self) -> bool:
        """Whether the venue is an exchange on this machine."""
        return self.url is not None and urlsplit(self.url).hostname in _LOOPBACK

    @model_validator(mode="after")
    def _no_accident(self) -> VenueSection:
        if self.name == "paper" and (self.live or self.url or self.stream_url):
            raise ValueError("live and url belong to a venue, and name is paper")
        if self.stream_url is not None and self.url is None:
            raise ValueError("stream_url stands alone; name url too")
        if self.live and self.name.endswith("-testnet"):
            raise ValueError(f"{self.name} is a testnet; live = true is for real money")
        if self.live and self.url is not None:
            raise ValueError("a live venue has its own address; remove url, or live")
        if self.name in ("mexc", "coinbase") and not self.live and not self.rehearsal:
            raise ValueError(
                f"{self.name} has no testnet, and live is false; "
                "point url at an exchange on this machine (desk exchange), or set live = true for real money"
            )
        return self
