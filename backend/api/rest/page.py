"""The web page: its files, as they are in `backend/web`. They hold no data, so they need no token.

A request names a file of the table that is made from the folder; nothing else can be read.
"""

import asyncio
import gzip
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from backend.errors import ApiError

FOLDER = Path(__file__).parents[2] / "web"
_FILES, _MIN_GZIP_BYTES = 256, 1024
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
    " trusted-types lantern dompurify"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Accept-Encoding",
}
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _File:
    """One file of the page."""

    content: bytes
    gzipped: bytes  # empty where that saves nothing
    media_type: str
    etag: str


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """The page."""
    return await _served(request, "index.html")


@router.api_route("/web/{path:path}", methods=["GET", "HEAD"])
async def file(request: Request, path: str) -> Response:
    """A file that the page loads."""
    return await _served(request, path)


async def _served(request: Request, path: str) -> Response:
    found = await asyncio.to_thread(_find, FOLDER, path)
    if found is None:
        raise ApiError("not_found", f"the page has no file {path[:200]!r}")
    is_gzipped = bool(found.gzipped) and _accepts_gzip(request.headers)
    etag = f'"{found.etag}{"-gzip" if is_gzipped else ""}"'
    headers = _HEADERS | {"ETag": etag}
    if etag in (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    if is_gzipped:
        headers["Content-Encoding"] = "gzip"
    return Response(found.gzipped if is_gzipped else found.content, 200, headers, found.media_type)


def _find(folder: Path, path: str) -> _File | None:
    """The file of the table with this name."""
    table = {entry.relative_to(folder).as_posix(): entry for entry in sorted(folder.rglob("*"))[:_FILES]}
    entry = table.get(path)
    try:
        info = os.lstat(entry) if entry is not None else None
        if entry is None or info is None or not stat.S_ISREG(info.st_mode):
            return None
        return _read(entry, info.st_mtime_ns, info.st_size)
    except OSError:  # it has just been replaced
        return None


@lru_cache(_FILES)
def _read(file: Path, _mtime_ns: int, _size: int) -> _File:
    content = file.read_bytes()
    gzipped = gzip.compress(content, mtime=0) if len(content) >= _MIN_GZIP_BYTES else b""
    media_type = _TYPES.get(file.suffix, "application/octet-stream")
    shorter = gzipped if len(gzipped) < len(content) * 0.9 else b""
    return _File(content, shorter, media_type, hashlib.sha256(content).hexdigest()[:32])


def _accepts_gzip(headers: Mapping[str, str]) -> bool:
    codings = {part.partition(";")[0].strip().lower(): part for part in headers.get("accept-encoding", "").split(",")}
    return "gzip" in codings and not codings["gzip"].replace(" ", "").lower().endswith(";q=0")
