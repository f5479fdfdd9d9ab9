"""The page at `/` and its files, which come with the package."""

import functools
from importlib import resources

from fastapi import APIRouter
from starlette.responses import Response

from toxres.serving.colours import colour_sheet
from toxres.serving.gate import PAGE
from toxres.serving.problems import Problem

router = APIRouter(include_in_schema=False)

KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FILES = ("page.css", "page.js", "api.js", "dom.js", "cards.js", "chat.js", "queue.js", "icon.svg")


@functools.cache
def _file(name: str) -> bytes:
    return resources.files("toxres.serving").joinpath("page", name).read_bytes()


def _answer(name: str, content: bytes) -> Response:
    headers = {"Content-Security-Policy": PAGE, "Cache-Control": "no-cache"}
    return Response(content, headers=headers, media_type=KINDS[name.rpartition(".")[2]])


@router.get("/")
async def page() -> Response:
    """The page."""
    return _answer("index.html", _file("index.html"))


@router.get("/page/{name}")
async def page_file(name: str) -> Response:
    """One of its files."""
    if name == "colours.css":
        return _answer(name, colour_sheet().encode())
    if name not in FILES:
        raise Problem(404, "the page has no such file")
    return _answer(name, _file(name))


@router.get("/favicon.ico")
async def icon() -> Response:
    """The icon, for browsers that ask for it by this name."""
    return _answer("icon.svg", _file("icon.svg"))
