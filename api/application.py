"""Puts the API together: routes, stream, pages, and the guard around all of them."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import FastAPI

from api import errors, pages, peers, routes, stream
from api.hub import EventHub
from api.security import Guard, TokenAuth
from api.service import DeskService
from app.version import desk_version


def create_app(
    service: DeskService, token: str, *, hosts: Iterable[str] = (), hub: EventHub | None = None
) -> FastAPI:
    """The ASGI application over a running desk.

    It listens to the desk's events from this moment on, so make it before the session starts and pages
    that connect late see the beginning. `hosts` are names besides the loopback ones that may be in the
    address bar. Raises ValueError for a token under 16 characters.
    """
    auth = TokenAuth(token)
    hub = hub or EventHub()
    told = desk_version()
    app = FastAPI(
        title="Trading Desk", version=told, docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json"
    )
    errors.install(app)
    app.include_router(routes.router(service, told))
    app.include_router(peers.router(service.peer))
    app.include_router(stream.router(hub, told))
    pages.install(app, auth)
    app.add_middleware(Guard, auth=auth, hosts=tuple(hosts))
    app.state.hub = hub
    app.state.unsubscribe = service.subscribe(hub.publish)
    return app
