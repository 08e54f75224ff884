"""How a command reaches the service: the running server of its data folder, else one inside this process.

Either way it uses the REST API, so no command can show what another program could not.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from backend.cli import output
from backend.cli.errors import FAILURE, MODEL_UNAVAILABLE, NO_INDEX, CommandFailed
from backend.cli.paths import resolved
from backend.config import Settings
from backend.instance_lock import DataFolderInUse, find, token
from indexer.files.repositories import enclosing_repository
from models.remote.sse import EventStream

START_TIMEOUT_S = 30.0
EVENT_BYTES = 1 << 26  # of one event; the server is our own
OWN_SERVER = {"host": "127.0.0.1", "port": 0, "watch": False}  # settings of a server that ends with the command
EXIT_CODES = {"model_unavailable": MODEL_UNAVAILABLE, "index_unavailable": NO_INDEX}


class ServerLost(CommandFailed):
    """The server does not answer, or stopped in the middle of an answer. Another one may run by now."""


class Client:
    """The REST calls that commands need."""

    def __init__(self, url: str, token: str, timeout_s: float | None = None) -> None:
        self.url, self.token = url, token
        headers = {"Authorization": f"Bearer {token}"}
        # No proxy of the environment may see a local question. An index job may take an hour.
        self._http = httpx.Client(base_url=url, headers=headers, timeout=httpx.Timeout(timeout_s), trust_env=False)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **params: Any) -> Any:
        """The JSON answer. Raises `CommandFailed` with the server's message."""
        with self._transport_errors():
            response = self._http.request(method, path, json=body, params=params)
        if response.is_error:
            raise self._refused(response)
        return response.json()

    def events(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The events of one question, up to `end`. Raises `CommandFailed` if that event does not come."""
        with self._transport_errors(), self._http.stream("POST", "/chat/query", json=body | {"stream": True}) as reply:
            if reply.is_error:
                reply.read()
                raise self._refused(reply)
            stream = EventStream(EVENT_BYTES)  # httpx's own lines would also end at U+2028 and others inside of JSON
            for event in (json.loads(data) for block in reply.iter_bytes() for data in stream.feed(block)):
                yield event
                if event["type"] == "end":
                    return
        raise ServerLost("the server stopped before the answer was complete; the text so far is stored")

    def codebase(self, path: Path) -> str:
        """The id of the innermost indexed codebase that contains `path`. Raises `CommandFailed` (3) if none does."""
        return str(self.codebase_at(path)["id"])

    def codebase_at(self, path: Path) -> dict[str, Any]:
        """That codebase, as `GET /codebases` describes it.

        A codebase does not contain what is in a repository inside it.
        """
        folder = resolved(path)
        own = enclosing_repository(folder)
        around = [
            codebase
            for codebase in self.call("GET", "/codebases")["codebases"]
            if folder.is_relative_to(codebase["root"]) and codebase["chunks"]
        ]
        candidates = [codebase for codebase in around if own is None or Path(codebase["root"]).is_relative_to(own)]
        if not candidates:
            raise no_index(path, own if around else None)
        innermost: dict[str, Any] = max(candidates, key=lambda codebase: len(codebase["root"]))
        return innermost

    def _refused(self, response: httpx.Response) -> CommandFailed:
        """An answer that is an error, as the command's error."""
        try:
            error = response.json()["error"]
        except (ValueError, KeyError, TypeError):
            return CommandFailed(f"{self.url} answers {response.status_code} and is no Lantern server: check PORT")
        if error["code"] == "unauthorized":
            return CommandFailed(
                f"the server at {self.url} does not accept the token of this data folder: stop it and start it again"
            )
        return command_failed(error)

    @contextmanager
    def _transport_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise ServerLost(f"lost the connection to the server at {self.url}: {str(error) or 'no answer'}") from None

    def close(self) -> None:
        self._http.close()


@contextmanager
def open_client(settings: Settings, *, follow: bool = False) -> Iterator[Client]:
    """A client of the server of this data folder; if none runs, one is started for the block.

    `follow`: it may be a long one, in which that server keeps the codebases up to date, unless the settings forbid it.
    """
    own = settings.model_copy(update=OWN_SERVER | {"watch": follow and settings.watch})
    while (url := _running_url(settings)) is None:
        from backend.server import served_in_thread  # loads the web stack, which only this needs

        output.progress("starting ...")
        try:
            with served_in_thread(own) as own_url:
                output.progress("")
                yield from _client(own_url, settings)
            return
        except DataFolderInUse:  # another command started its server first: use that one
            time.sleep(0.1)
    yield from _client(url, settings)


@contextmanager
def open_running(settings: Settings, timeout_s: float | None = None) -> Iterator[Client]:
    """A client of the server of this data folder. Raises `CommandFailed` if none runs."""
    url = _running_url(settings)
    if url is None:
        raise CommandFailed(f"no server runs over {settings.data_dir}: start one with `lantern serve`")
    yield from _client(url, settings, timeout_s)


def _client(url: str, settings: Settings, timeout_s: float | None = None) -> Iterator[Client]:
    client = Client(url, token(settings.token_file), timeout_s)
    try:
        yield client
    finally:
        client.close()


def _running_url(settings: Settings) -> str | None:
    """The URL of the running server; waits for one that is starting."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while (instance := find(settings.data_dir)) is not None:
        if instance.url:
            return instance.url
        if time.monotonic() > deadline:
            raise CommandFailed(
                f"process {instance.pid} has locked {settings.data_dir} but does not serve: stop it and try again"
            )
        time.sleep(0.05)
    return None


def no_index(path: Path, left_out: Path | None) -> CommandFailed:
    """The error for a path that no indexed codebase contains; `left_out`: it is in a repository inside one."""
    folder = resolved(path)
    if left_out is None:
        return CommandFailed(f"no index for {folder}: run `lantern index {path}` first", NO_INDEX)
    own = "is a codebase of its own (a repository, worktree or submodule): run `lantern index"
    return CommandFailed(f"no index for {folder}: {left_out} {own} {left_out}` first", NO_INDEX)


def command_failed(error: dict[str, str]) -> CommandFailed:
    """The `error` member of a server's answer, as the command's error."""
    return CommandFailed(error["message"], EXIT_CODES.get(error["code"], FAILURE))
