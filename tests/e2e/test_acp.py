"""`lantern acp` as an editor starts it: the process, with the client of the SDK."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from acp import spawn_agent_process, text_block
from acp.client.connection import ClientSideConnection

from tests.backend.cli.editors.harness import Editor
from tests.e2e.harness import LANTERN, TIMEOUT_S, environment, serving

pytestmark = pytest.mark.process

CART = 'def total(prices):\n    """Sums up what the cart costs."""\n    return sum(prices)\n'
QUESTION = "What does total do?"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "cart.py").write_text(CART)
    return root


@asynccontextmanager
async def started(folder: Path, **settings: Any) -> AsyncIterator[tuple[ClientSideConnection, Editor]]:
    """A running `lantern acp`, initialized. It ends by itself when its stdin is closed."""
    editor, env = Editor(), environment(folder, **settings)
    spawned = spawn_agent_process(editor, *LANTERN, "acp", env=env, transport_kwargs={"stderr": subprocess.DEVNULL})  # type: ignore[arg-type]
    async with spawned as (connection, process):
        await connection.initialize(protocol_version=1)
        yield connection, editor
    assert process.returncode == 0


async def ask(connection: ClientSideConnection, session: str, text: str = QUESTION) -> str:
    return (await connection.prompt(session, [text_block(text)])).stop_reason


async def test_a_question_in_a_folder_that_lantern_does_not_know(shop: Path, tmp_path: Path) -> None:
    async with started(tmp_path / "data") as (connection, editor):
        session = (await connection.new_session(str(shop), mcp_servers=[])).session_id
        reason = await ask(connection, session)
        listed = await connection.list_sessions(cwd=str(shop))
    assert reason == "end_turn"
    assert editor.text.startswith("`total` is a function in `cart.py:1-3` [1]. Sums up what the cart costs.")
    assert "Found 1 place in 1 file" in editor.titles
    (found,) = [update for update in editor.updates if update.get("locations")]
    assert found["locations"] == [{"path": str(shop / "cart.py"), "line": 1}]
    assert [(row.session_id, row.title) for row in listed.sessions] == [(session, QUESTION)]


async def test_the_server_may_stop_and_the_editor_goes_on(shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "data") as served:
        served.post("/index", {"path": str(shop), "wait": True})
        async with started(tmp_path / "data") as (connection, editor):
            session = (await connection.new_session(str(shop), mcp_servers=[])).session_id
            await ask(connection, session)
            assert [row["session_id"] for row in served.get("/chat/sessions")["sessions"]] == [session]
            served.process.terminate()
            served.process.wait(TIMEOUT_S)
            first, reason = editor.text, await ask(connection, session)
    assert reason == "end_turn"
    assert editor.text.removeprefix(first).startswith("`total` is a function in `cart.py:1-3`")
    assert "Indexed" not in " ".join(editor.titles)


@pytest.mark.parametrize("source", ["/dev/null", "file"])
def test_a_shell_that_starts_it_is_told_what_it_is_for(tmp_path: Path, source: str) -> None:
    (tmp_path / "file").write_text("{}")
    with (tmp_path / source).open() as stdin:
        done = subprocess.run(
            [*LANTERN, "acp"],
            env=environment(tmp_path / "data"),
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "lantern: stdin and stdout have to be pipes: an editor starts `lantern acp`\n"
