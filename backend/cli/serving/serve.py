"""`lantern serve` and `lantern token`."""

import asyncio
import json
import shlex
import threading
from pathlib import Path

from backend.cli import logs, output
from backend.cli.client import Client
from backend.cli.errors import CommandFailed
from backend.cli.index import index_codebase
from backend.cli.settings import command_settings
from backend.config import Settings
from backend.instance_lock import token
from backend.signin import SignInCodes


def run_serve(host: str | None, port: int | None, index: Path | None, allow_remote: bool | None) -> None:
    """Serves until interrupted."""
    from backend.server import serve  # `lantern token` needs no web stack

    settings = command_settings(host=host, port=port, allow_remote=allow_remote)
    logs.set_level(settings.log_level)
    codes = SignInCodes()

    def welcome(url: str) -> None:
        _welcome(url, settings, index)
        if output.is_terminal():  # elsewhere it may be kept: the code is for the one who sees it now
            output.note(f"Open {url}/#code={codes.new()}")
        else:
            output.note(f"The page: {url}/ (`lantern open` signs a browser in)")

    asyncio.run(serve(settings, welcome, codes=codes))


def run_token() -> None:
    """Prints the token."""
    output.line(token(command_settings().token_file))


def _welcome(url: str, settings: Settings, index: Path | None) -> None:
    """Prints the URL and a first request to try. A codebase to index is indexed in a thread."""
    question = json.dumps({"query": "What is this codebase about?"})
    output.note(f"Lantern listens on {url}")
    output.note(f"The token is in {settings.token_file}")
    output.note("A first question, to paste:")
    output.note(
        f'  curl -s {url}/chat/query -H "Authorization: Bearer $(cat {shlex.quote(str(settings.token_file))})" '
        f"-H 'Content-Type: application/json' -d {shlex.quote(question)}"
    )
    if index is not None:
        threading.Thread(target=_index, args=(url, settings, index), daemon=True).start()


def _index(url: str, settings: Settings, path: Path) -> None:
    client = Client(url, token(settings.token_file))
    try:
        index_codebase(client, path)
    except CommandFailed as failure:
        output.error(failure)
    finally:
        client.close()
