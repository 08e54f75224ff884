"""How a command reaches the service: a running server of the same data folder, else one inside this process.

Either way it speaks the REST face, so a command can show nothing that another program could not.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from backend.cli.errors import FAILURE, MODEL_UNAVAILABLE, NO_INDEX, CommandFailed
from backend.config import Settings
from backend.instance_lock import DataFolderInUse, find, token

STARTING_S = 30.0
PASSING = {"host": "127.0.0.1", "port": 0, "watch": False}  # of a server that lives as long as a command
EXITS = {"model_unavailable": MODEL_UNAVAILABLE, "index_unavailable": NO_INDEX}


class Client:
    """The REST calls that commands need."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        # Environment proxies must never see a local question; an index job may take an hour.
        self._http = httpx.Client(base_url=url, headers=headers, timeout=httpx.Timeout(None), trust_env=False)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **params: Any) -> Any:
        """The JSON answer. Raises `CommandFailed` with the server's own words."""
        with self._reached():
            response = self._http.request(method, path, json=body, params=params)
        if response.is_error:
            raise as_failure(response.json()["error"])
        return response.json()

    def events(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The events of one question, to its end. Raises `CommandFailed` if the end does not come."""
        with self._reached(), self._http.stream("POST", "/chat/query", json=body | {"stream": True}) as response:
            if response.is_error:
                response.read()
                raise as_failure(response.json()["error"])
            for line in response.iter_lines():
                if line.startswith("data: "):
                    event = json.loads(line.removeprefix("data: "))
                    yield event
                    if event["type"] == "end":
                        return
        raise CommandFailed("the server stopped in the middle of the answer; what it said is kept")

    def codebase(self, path: Path) -> str:
        """The id of the codebase around `path`. Raises `CommandFailed` (3) if there is none."""
        here = path.expanduser().resolve()
        around = [
            known
            for known in self.call("GET", "/codebases")["codebases"]
            if here.is_relative_to(known["root"]) and known["chunks"]
        ]
        if not around:
            raise no_index(path)
        return str(max(around, key=lambda known: len(known["root"]))["id"])

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise CommandFailed(f"the server at {self._http.base_url} went away: {error}") from None

    def close(self) -> None:
        self._http.close()


@contextmanager
def connected(settings: Settings) -> Iterator[Client]:
    """A client of the server that holds this data folder; one is started for the block if there is none."""
    while (url := _running(settings)) is None:
        from backend.server import served_in_thread  # the web stack is only loaded where it is needed

        try:
            with served_in_thread(settings.model_copy(update=PASSING)) as own:
                yield from _client(own, settings)
            return
        except DataFolderInUse:  # another command was faster: use its server
            time.sleep(0.1)
    yield from _client(url, settings)


def _client(url: str, settings: Settings) -> Iterator[Client]:
    client = Client(url, token(settings.token_file))
    try:
        yield client
    finally:
        client.close()


def _running(settings: Settings) -> str | None:
    """The URL of the running server, waiting for one that is starting."""
    until = time.monotonic() + STARTING_S
    while (instance := find(settings.data_dir)) is not None:
        if instance.url:
            return instance.url
        if time.monotonic() > until:
            raise CommandFailed(f"process {instance.pid} holds {settings.data_dir} but does not serve")
        time.sleep(0.05)
    return None


def no_index(path: Path) -> CommandFailed:
    return CommandFailed(f"no index for {path.expanduser().resolve()}: run `lantern index {path}` first", NO_INDEX)


def as_failure(error: dict[str, str]) -> CommandFailed:
    """An error of the server as the command's own."""
    return CommandFailed(error["message"], EXITS.get(error["code"], FAILURE))
