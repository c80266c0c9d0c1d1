"""The page's files: vendored libraries are what they claim, and no text from outside becomes markup."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import httpx
import pytest

from api.pages import DASHBOARD

VENDOR = DASHBOARD / "vendor"
OWN = sorted(DASHBOARD.glob("js/*.js"))


def listed() -> dict[str, str]:
    lines = (VENDOR / "checksums.txt").read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


@pytest.mark.parametrize("name", sorted(listed()))
def test_a_vendored_file_is_unchanged(name: str) -> None:
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == listed()[name]


def test_every_vendored_file_has_a_checksum_and_a_line_in_the_readme() -> None:
    files = {path.name for path in VENDOR.iterdir()} - {"README.md", "checksums.txt"}
    assert files == set(listed())
    readme = (VENDOR / "README.md").read_text(encoding="utf-8")
    assert [name for name in files if not name.endswith("LICENSE.txt") and name not in readme] == []


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_no_script_turns_text_into_markup_or_code(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    dangerous = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc"
    assert re.findall(dangerous, source) == []


def test_the_pages_hold_no_inline_script_or_style() -> None:
    for path in DASHBOARD.glob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page), path.name


def test_nothing_is_loaded_from_another_host() -> None:
    for path in (*DASHBOARD.glob("*.html"), *DASHBOARD.glob("css/*.css"), *OWN):
        text = path.read_text(encoding="utf-8")
        found = set(re.findall(r"https?://[\w.-]+", text))
        assert found <= {"https://www.tradingview.com", "http://www.w3.org"}, path.name


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
async def test_every_import_of_a_script_is_served_as_a_script(
    stranger: httpx.AsyncClient, path: Path
) -> None:
    own = f"/assets/js/{path.name}"
    names = re.findall(r'from "([^"]+)"', (await stranger.get(own)).text)
    for name in [*names, own]:
        answer = await stranger.get(name)
        assert answer.status_code == 200, name
        assert answer.headers["content-type"].startswith("text/javascript")


async def test_the_page_and_all_it_names_are_served(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    names = re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)
    assert len(names) >= 5
    for name in names:
        assert (await client.get(name)).status_code == 200, name


async def test_a_path_out_of_the_assets_is_not_served(stranger: httpx.AsyncClient) -> None:
    for path in ("/assets/..%2fsecurity.py", "/assets/%2e%2e/security.py", "/assets/js", "/assets/"):
        assert (await stranger.get(path)).status_code in (401, 404), path
