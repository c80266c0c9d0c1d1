"""docs/risk.md says what the code does, and every rule is missed when it is taken out."""

from __future__ import annotations

import pytest

from risk.rules import RULES, rulebook
from tests.risk_table import BEGIN, END, FORMULAS, PAGE, SOURCES, TEST, page, table
from tests.unit.risk import test_gate_rules

NAMES = [rule.name for rule in RULES]


def test_the_page_holds_the_table_that_the_code_makes() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "write it anew: python -m tests.risk_table"


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        page("# Risk")
    assert page(f"a{BEGIN}old{END}b") == f"a{BEGIN}\n\n{table()}\n\n{END}b"


def test_every_rule_has_its_row_and_no_other() -> None:
    rows = [line.split("`")[1] for line in table().splitlines()[2:]]
    assert rows == NAMES == list(FORMULAS)
    assert set(SOURCES) == {fact for rule in RULES for fact in rule.needs}


@pytest.mark.parametrize("rule", NAMES)
def test_the_test_that_the_page_names_breaks_without_the_rule(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"`{TEST}[{rule}]`" in table()
    named = getattr(test_gate_rules, TEST)
    named(rule)
    monkeypatch.setattr("risk.gate.RULEBOOK", rulebook(each for each in RULES if each.name != rule))
    with pytest.raises(AssertionError):
        named(rule)
