from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.app.desk_line import DeskLine


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> DeskLine:
    """The command line, with its state in a folder of the test and no key in the environment."""
    for name in ("NEBIUS_API_KEY", "OPENAI_API_KEY", "DESK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DESK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return DeskLine(monkeypatch, capsys)
