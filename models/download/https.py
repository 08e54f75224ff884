"""A model file on a web server: its size, and its bytes from where a download broke off."""

from collections.abc import Callable
from pathlib import PurePosixPath

import httpx

from models.download.part_file import PartFile
from models.errors import DownloadFailed, SourceUnreachable

_TIMEOUT = httpx.Timeout(30.0, connect=15.0)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class HttpsFile:
    """One file at a URL; https only, except on this machine."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.size_bytes, self.etag, self.spare_bytes = 0, "", 0

    @property
    def filename(self) -> str:
        return PurePosixPath(httpx.URL(self.url).path).name

    def probe(self) -> None:
        """Reads size and version. Raises SourceUnreachable."""
        try:
            with _client() as client:
                response = client.head(self.url, headers={"Accept-Encoding": "identity"})
                response.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise SourceUnreachable(f"{self.url} answered {error.response.status_code}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceUnreachable(f"{self.url} cannot be reached ({error})") from error
        self.size_bytes, self.etag = int(response.headers.get("Content-Length", 0)), response.headers.get("ETag", "")
        if self.size_bytes == 0:
            raise SourceUnreachable(f"{self.url} does not say how large it is")

    def reusable_bytes(self, part: PartFile) -> int:
        """Bytes that need not be fetched again."""
        return part.size

    def fetch(self, part: PartFile, on_progress: Callable[[int], None]) -> None:
        """Appends what is missing; starts over where the server sends the whole file instead. Raises DownloadFailed."""
        done = part.size
        if done >= self.size_bytes:
            return
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
        try:
            with _client() as client, client.stream("GET", self.url, headers=headers) as response:
                response.raise_for_status()
                if done and not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
                    done = 0
                for size in part.append(response.iter_raw(), at=done):  # as they come: gathered blocks would be lost
                    on_progress(size)
        except httpx.HTTPStatusError as error:
            raise DownloadFailed(f"{self.url} answered {error.response.status_code}") from error
        except httpx.HTTPError as error:
            raise DownloadFailed(
                f"the connection to {self.url} broke ({error}): run the same command to go on"
            ) from error


def _client() -> httpx.Client:
    return httpx.Client(follow_redirects=True, timeout=_TIMEOUT, event_hooks={"request": [_refuse_open_http]})


def _refuse_open_http(request: httpx.Request) -> None:
    """Runs for every redirect, too."""
    if request.url.scheme != "https" and not (request.url.scheme == "http" and request.url.host in _LOOPBACK):
        raise DownloadFailed(f"{request.url} is not https: model files are fetched over https only")
