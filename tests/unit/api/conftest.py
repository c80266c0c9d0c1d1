"""A demo desk behind the real application, and a client that has its token."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from api.application import create_app
from tests.e2e.demo_desk import DemoDesk

TOKEN = "a-token-of-the-unit-tests"
BASE = "http://127.0.0.1:8420"


@pytest.fixture
def desk() -> DemoDesk:
    return DemoDesk()


@pytest.fixture
def app(desk: DemoDesk) -> FastAPI:
    return create_app(desk, TOKEN)


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        yield client


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=BASE, headers=headers
    ) as client:
        yield client
