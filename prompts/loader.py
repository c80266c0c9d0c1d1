"""Prompts from their files: hashed, and strict about their placeholders.

A placeholder is `{{name}}`; anything else, single braces included, is plain text. A line `<!-- user -->`
parts what the model is (the system turn) from what it is shown (the user turn).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_PARTING = "\n<!-- user -->\n"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PLACEHOLDER = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")


class PromptError(LookupError):
    """A prompt that is not there, or not given what it needs: a fault of the program, said in one line.

    The prompts know nothing of the desk, not even its errors.
    """


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file: its text, the SHA-256 of that text, and the placeholders it must be given."""

    name: str
    text: str
    sha256: str
    placeholders: frozenset[str]

    def render(self, **values: str) -> str:
        """The text with every placeholder filled in, once: a value's own braces are left alone.

        Raises PromptError for a placeholder without a value or a value without a placeholder.
        """
        self._check(values)
        return _fill(self.text, values)

    def turns(self, **values: str) -> tuple[str, str]:
        """The system turn and the user turn. The file is parted first: no value can move the line.

        Raises PromptError as `render` does, and for a file without the parting line.
        """
        self._check(values)
        system, parted, user = self.text.partition(_PARTING)
        if not parted:
            raise PromptError(f"prompt {self.name} has no user turn. Add a line {_PARTING.strip()}")
        return _fill(system, values).strip(), _fill(user, values).strip()

    def _check(self, values: Mapping[str, str]) -> None:
        missing = self.placeholders - values.keys()
        unknown = values.keys() - self.placeholders
        if not missing and not unknown:
            return
        told = [
            f"{word} {', '.join(sorted(names))}"
            for word, names in (("misses", missing), ("does not know", unknown))
            if names
        ]
        known = ", ".join(sorted(self.placeholders)) or "none"
        raise PromptError(f"prompt {self.name} {' and '.join(told)}. Its placeholders are: {known}")


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found.group(1)], text)


@lru_cache(maxsize=64)
def load(name: str) -> Prompt:
    """The prompt in `prompts/<name>.md`. Raises PromptError when there is none."""
    if not _NAME.fullmatch(name):
        raise PromptError(f"{name!r} is not the name of a prompt. Known prompts: {', '.join(names())}")
    path = _FOLDER / f"{name}.md"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PromptError(
            f"prompt {name} cannot be read: {error.strerror}. Known prompts: {', '.join(names())}"
        ) from error
    return Prompt(
        name=name,
        text=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        placeholders=frozenset(_PLACEHOLDER.findall(text)),
    )


def names() -> tuple[str, ...]:
    """The prompts that exist."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.md")))
