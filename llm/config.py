"""Which endpoint answers, with which model per role, within what time and at what price."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from domain.errors import ConfigError

Preset = Literal["nebius", "openai"]


class Prices(BaseModel):
    """US dollars per million tokens, in and out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] = Decimal(0)
    completion: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] = Decimal(0)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """US dollars for so many tokens."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1_000_000


class ModelSettings(BaseModel):
    """One endpoint and how it is asked. The key is a secret: it shows in no text, log or error.

    `roles` names another model for a role; `prices` maps a model to its prices. A model without prices
    costs nothing on record, so only the token budget holds it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    base_url: str
    api_key: SecretStr
    model: Annotated[str, Field(min_length=1)]
    roles: Mapping[str, str] = Field(default_factory=dict)
    deadline_seconds: Annotated[float, Field(gt=0, le=600)] = 20.0
    max_tokens: Annotated[int, Field(ge=64, le=100_000)] = 1_500
    temperature: Annotated[float, Field(ge=0, le=2)] | None = 0.1
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    prices: Mapping[str, Prices] = Field(default_factory=dict)

    @field_validator("base_url")
    @classmethod
    def _an_endpoint(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("base_url is not an http(s) address; write https://host/v1/")
        if parts.username or parts.password or parts.query:
            raise ValueError(
                "base_url must carry no user, password or query; the key belongs in the environment"
            )
        return value if value.endswith("/") else value + "/"

    @field_validator("api_key")
    @classmethod
    def _a_key(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("the model key is empty")
        return value

    def model_for(self, role: str) -> str:
        """The model that answers for `role`."""
        return self.roles.get(role, self.model)

    def prices_for(self, model: str) -> Prices:
        """What `model` costs; free when nobody said."""
        return self.prices.get(model, Prices())


_NEBIUS_MODEL: Final = "Qwen/Qwen3-235B-A22B-Instruct-2507"
_OPENAI_MODEL: Final = "gpt-4.1-mini"

PRESETS: Final[Mapping[Preset, Mapping[str, object]]] = MappingProxyType(
    {
        "nebius": {
            "base_url": "https://api.tokenfactory.nebius.com/v1/",
            "model": _NEBIUS_MODEL,
            "prices": {_NEBIUS_MODEL: Prices(prompt=Decimal("0.20"), completion=Decimal("0.60"))},
        },
        "openai": {
            "base_url": "https://api.openai.com/v1/",
            "model": _OPENAI_MODEL,
            "limit_field": "max_completion_tokens",
            "prices": {_OPENAI_MODEL: Prices(prompt=Decimal("0.40"), completion=Decimal("1.60"))},
        },
    }
)
"""Endpoints known by name. Prices are the list prices of 2025; set `prices` when yours differ."""


def from_preset(
    preset: Preset, api_key: SecretStr, overrides: Mapping[str, object] | None = None
) -> ModelSettings:
    """Settings of a known endpoint; `overrides` win, None values are left out.

    Raises ConfigError with the offending setting; the key is never part of the message.
    """
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    return build({**PRESETS[preset], "api_key": api_key, **given})


def build(values: Mapping[str, object]) -> ModelSettings:
    """Checked settings. Raises ConfigError naming the setting that is wrong."""
    try:
        return ModelSettings.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "models"
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"models.{where}: {said}", fix="Mend the [models] table") from None
