"""From what a model wrote to a typed answer: one JSON object that fits the schema, or an error."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from domain.errors import ModelError
from llm.calls import T

if TYPE_CHECKING:
    from pydantic import BaseModel

_THINKING = re.compile(r"<think>.*?</think>", re.DOTALL)
_MAX_CHARS = 200_000
_MAX_PROBLEMS = 4
_MAX_FALSE_STARTS = 50


def parse(text: str, schema: type[T]) -> T:
    """The typed answer inside `text`, which may stand in prose, a code fence or after thinking aloud.

    Raises ModelError in one line when there is no JSON object, when none fits `schema`, or when two
    different ones do: a quoted object must never be taken for the answer.
    """
    from pydantic import ValidationError

    fitting: list[T] = []
    problem = ""
    for found in _objects(text):
        try:
            value = schema.model_validate(found)
        except ValidationError as error:
            problem = problem or _explain(error)
            continue
        if value not in fitting:
            fitting.append(value)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ModelError("the answer holds more than one JSON object that fits")
    raise ModelError(problem or "the answer holds no JSON object")


def strict_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema in the strict form endpoints ask for: every property required, none unknown."""
    told: dict[str, Any] = _strict(schema.model_json_schema())
    return told


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _strict(value) for key, value in node.items() if key != "default"}
    if isinstance(kept.get("properties"), dict):
        kept["required"] = list(kept["properties"])
        kept["additionalProperties"] = False
    return kept


def _objects(text: str) -> list[dict[str, Any]]:
    """Every outermost JSON object in the text, in order."""
    text = _THINKING.sub("", text[:_MAX_CHARS])
    decoder = json.JSONDecoder(parse_constant=_not_a_number)
    found: list[dict[str, Any]] = []
    at = text.find("{")
    false_starts = 0
    while at >= 0 and false_starts < _MAX_FALSE_STARTS:
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            false_starts += 1
        else:
            if isinstance(value, dict):
                found.append(value)
        at = text.find("{", at)
    return found


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _explain(error: Any) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    said = [f"{'.'.join(str(part) for part in one['loc']) or 'answer'}: {one['msg']}" for one in problems]
    more = len(said) - _MAX_PROBLEMS
    return "; ".join(said[:_MAX_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
