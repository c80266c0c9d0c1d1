"""From what a model wrote to a typed answer: one object that fits, or an error that says why not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import ModelError
from llm.parsing import parse, strict_schema


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    score: float = 0.0


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    stance: float = Field(ge=-1, le=1)
    items: list[Inner]


GOOD = '{"stance": 0.5, "items": [{"name": "a", "score": 1.0}]}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Sure! Here is my answer:\n{GOOD}\nLet me know if {{you}} need more.",
        f'<think>maybe {{"stance": -1, "items": []}} instead</think>{GOOD}',
        f"{GOOD}\n{GOOD}",
    ],
)
def test_the_one_object_that_fits_is_found(text: str) -> None:
    assert parse(text, Outer).stance == 0.5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON object"),
        ("I would buy.", "no JSON object"),
        (GOOD[:-1], "name"),
        ('{"stance": 3, "items": []}', "stance"),
        ('{"stance": NaN, "items": []}', "no JSON object"),
        ('{"stance": 0.1, "items": [], "quantity": 5}', "quantity"),
        ('{"items": []}', "stance"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse(text, Outer)
    assert why in caught.value.message


def test_a_quoted_object_is_never_taken_for_the_answer() -> None:
    headline = '{"stance": 1, "items": []}'
    with pytest.raises(ModelError, match="more than one"):
        parse(f"The headline says {headline} but I say {GOOD}", Outer)


def test_a_long_false_start_is_given_up_quickly() -> None:
    with pytest.raises(ModelError):
        parse('{"a":' * 30_000, Outer)


@given(st.text(max_size=200))
def test_random_text_is_refused_with_a_model_error(text: str) -> None:
    """No random text is an answer by accident, and none raises anything but a ModelError."""
    with pytest.raises(ModelError, match=r"."):
        parse(text, Outer)


@given(
    st.floats(-1, 1), st.text(alphabet="abc {}\"'\\`", max_size=20), st.text(alphabet="xyz .,", max_size=20)
)
def test_what_was_written_is_what_is_read(stance: float, name: str, prose: str) -> None:
    written = json.dumps({"stance": stance, "items": [{"name": name, "score": 0.0}]})
    read = parse(f"{prose}{written}{prose}", Outer)
    assert (read.stance, read.items[0].name) == (stance, name)


def test_the_strict_schema_requires_every_property_at_every_level() -> None:
    schema = strict_schema(Outer)
    inner = schema["$defs"]["Inner"]
    assert schema["required"] == ["stance", "items"]
    assert inner["required"] == ["name", "score"]
    assert schema["additionalProperties"] is False
    assert inner["additionalProperties"] is False
    assert "default" not in json.dumps(schema)
