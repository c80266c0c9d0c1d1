"""The dashboard's page and files, and the list of routes as a page."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from api.errors import problem_response
from api.security import TokenAuth

DASHBOARD = Path(__file__).parent / "dashboard"


def install(app: FastAPI, auth: TokenAuth) -> None:
    """Add `/`, `/assets/` and `/api/v1/docs`."""
    app.mount("/assets", StaticFiles(directory=DASHBOARD), name="assets")
    page = (DASHBOARD / "index.html").read_text(encoding="utf-8")
    sign_in = (DASHBOARD / "sign-in.html").read_text(encoding="utf-8")

    @app.get("/", include_in_schema=False)
    async def dashboard(request: Request, token: str | None = None) -> Response:
        """The page for who has the cookie; `?token=` sets it and leaves the address bar clean."""
        if token is not None:
            if not auth.is_token(token):
                return HTMLResponse(sign_in, 401)
            welcome = RedirectResponse("/", 303)
            welcome.set_cookie(
                auth.cookie_name, auth.cookie_value, path="/", httponly=True, samesite="strict"
            )
            return welcome
        if request.state.caller is None:
            return HTMLResponse(sign_in, 401)
        return HTMLResponse(page)

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return RedirectResponse("/assets/icon.svg", 308)

    @app.get("/api/v1/docs", include_in_schema=False)
    async def docs() -> Response:
        """Every route in a table; the machine-readable form is openapi.json beside it."""
        return HTMLResponse(_docs_page(app.openapi()))

    @app.api_route(
        "/api/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False
    )
    async def unknown(request: Request, rest: str) -> Response:
        return problem_response(
            404, f"there is nothing at {request.url.path[:200]}", "See /api/v1/docs for what there is"
        )


def _docs_page(schema: dict[str, Any]) -> str:
    rows = []
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            inputs = ", ".join(item["name"] for item in route.get("parameters", ()))
            body = (
                route.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            )
            inputs = inputs or body.get("$ref", "").rpartition("/")[2]
            cells = (method.upper(), path, inputs, route.get("summary", ""))
            rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    rows.append("<tr><td>WS</td><td>/api/v1/events</td><td>stream, after</td><td>Live events</td></tr>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Trading Desk API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/assets/css/plain.css"></head><body><main class="plain">'
        '<h1>Trading Desk API</h1><p>Machine-readable: <a href="/api/v1/openapi.json">openapi.json</a>. '
        "Errors are one line of JSON: error and fix. Money is decimal text.</p>"
        "<table><thead><tr><th>Method</th><th>Address</th><th>Input</th><th>What it does</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></main></body></html>"
    )
