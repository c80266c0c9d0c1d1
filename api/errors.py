"""Every error as one line of JSON: what is wrong, and the fix."""

from __future__ import annotations

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from domain.errors import DeadlineExceeded, DeskError, NotFound, NotRunning, StorageError, UnknownSymbol

_DOCS = "See /api/v1/docs for what there is"


def problem_response(status: int, error: str, fix: str = "") -> Response:
    """The answer to a request that failed."""
    told = {"error": _one_line(error), "fix": _one_line(fix)}
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return Response(orjson.dumps(told), status, headers=headers, media_type="application/json")


def status_of(error: DeskError) -> int:
    """The HTTP status that says the same as the error's place in the tree."""
    if isinstance(error, (NotFound, UnknownSymbol)):
        return 404
    if isinstance(error, DeadlineExceeded):
        return 504
    if isinstance(error, (NotRunning, StorageError)):
        return 503
    return 409


def install(app: FastAPI) -> None:
    """Hand every kind of failure to `problem_response`."""

    @app.exception_handler(DeskError)
    async def explained(_request: Request, error: DeskError) -> Response:
        return problem_response(status_of(error), error.message, error.fix)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        more = len(error.errors()) - 1
        also = f" (and {more} more)" if more else ""
        return problem_response(422, f"{where}: {first['msg']}{also}", _DOCS)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return problem_response(404, f"there is nothing at {request.url.path[:200]}", _DOCS)
        if error.status_code == 405:
            return problem_response(405, f"{request.method} does not work at {request.url.path[:200]}", _DOCS)
        return problem_response(error.status_code, str(error.detail), _DOCS)


def _one_line(text: str) -> str:
    """Without line breaks, and without what UTF-8 cannot carry."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
