"""The commands of a chat: what they print, what they change, and words that are none."""

from pathlib import Path
from typing import Any

import pytest

from backend.cli.asking import slash_commands
from backend.cli.asking.conversation import ChatConversation
from backend.cli.asking.slash_commands import SlashCommands
from backend.cli.errors import CommandFailed

MODELS = [
    {"id": "extractive", "state": "loaded", "size_bytes": 0, "default": False},
    {"id": "small", "state": "installed", "size_bytes": 1_000_000, "default": True, "expectation": "fits"},
    {"id": "large", "state": "missing", "size_bytes": 9_000_000, "default": False},
]


class ClientDouble:
    """Knows the models, and gives an answer with two sources."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def call(self, method: str, path: str) -> Any:
        assert (method, path) == ("GET", "/models")
        return {"models": MODELS}

    def events(self, body: dict[str, Any]) -> Any:
        self.bodies.append(body)
        yield {"type": "accepted", "session": "s", "turn": f"t{len(self.bodies)}", "conversation": "c"}
        yield {"type": "sources", "items": [source(1, "a.py"), source(2, "../outside.py")]}
        yield {"type": "delta", "text": "It is [1]."}
        yield {"type": "end", "reason": "stop", "model": "small", "usage": {}, "ms": {}}


def source(n: int, path: str) -> dict[str, Any]:
    return {"n": n, "path": path, "start": 7, "end": 9, "fresh": True}


@pytest.fixture
def commands(tmp_path: Path) -> SlashCommands:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("x")
    (tmp_path / "outside.py").write_text("x")
    conversation = ChatConversation(tmp_path, codebase="b", root=tmp_path / "code", _client=ClientDouble())  # type: ignore[arg-type]
    return SlashCommands(conversation, lambda: None)


def bodies(commands: SlashCommands) -> list[dict[str, Any]]:
    return commands.conversation.client.bodies  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("typed", ["what is /model?", "/usr/lib is what?", "/Model", "/ help", "/model\nx"])
def test_what_is_a_question(commands: SlashCommands, typed: str) -> None:
    assert commands.run(typed) is False


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("/nothing", "there is no command /nothing: /help lists them"),
        ("/models x", "/models takes no argument"),
        ("/model none", "no model is called none: /models lists them"),
        ("/model large", "large is missing: run `lantern models pull large` first"),
        ("/open 1", "the last answer has no source 1; it has: none"),
        ("/sources", "nothing was answered yet: ask first"),
        ("/retry", "nothing was asked yet"),
    ],
)
def test_what_cannot_be_done(commands: SlashCommands, typed: str, message: str) -> None:
    with pytest.raises(CommandFailed) as failure:
        commands.run(typed)
    assert str(failure.value) == message


def test_help_names_every_command(commands: SlashCommands, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.run("/help")
    printed = capsys.readouterr().err
    assert [line.split()[0] for line in printed.splitlines()[:-2]] == [f"/{name}" for name in slash_commands.TABLE]


def test_the_model_is_shown_and_changed(commands: SlashCommands, capsys: pytest.CaptureFixture[str]) -> None:
    commands.run("/model")
    commands.run("/model extractive")
    commands.run("/models")
    assert capsys.readouterr().err.splitlines() == [
        "small (installed); /models lists all",
        "from now on: extractive",
        "* extractive              loaded",
        "  small                   installed       1 MB",
        "    fits",
        "  large                   missing         9 MB",
    ]
    commands.conversation.ask("q")
    assert bodies(commands) == [{"query": "q", "codebase": "b", "model": "extractive"}]


def test_a_question_goes_on_with_the_conversation_and_new_ends_it(commands: SlashCommands) -> None:
    commands.conversation.ask("one")
    commands.conversation.ask("two")
    commands.run("/retry")
    commands.run("/new")
    commands.conversation.ask("three")
    ids = {"session_id": "s", "conversation_id": "c"}
    common = {"codebase": "b", "model": ""}
    assert bodies(commands) == [
        {"query": "one", **common},
        {"query": "two", **common, **ids},
        {"query": "two", **common, **ids, "replaces": "t2"},
        {"query": "three", **common},
    ]


def test_sources_are_listed_and_opened(
    commands: SlashCommands, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[Path, int]] = []
    monkeypatch.setattr(slash_commands, "open_in_editor", lambda file, line: opened.append((file, line)))
    commands.conversation.ask("one")
    capsys.readouterr()
    commands.run("/sources")
    assert capsys.readouterr().err == "  [1] a.py:7-9\n  [2] ../outside.py:7-9\n"
    commands.run("/open [1]")
    assert opened == [((commands.conversation.root / "a.py").resolve(), 7)]
    with pytest.raises(CommandFailed, match="not in the codebase"):
        commands.run("/open 2")
    with pytest.raises(CommandFailed, match="no source without a number; it has: 1, 2"):
        commands.run("/open")
    (commands.conversation.root / "a.py").unlink()
    (commands.conversation.root / "a.py").symlink_to("/etc/passwd")
    with pytest.raises(CommandFailed, match="not in the codebase"):
        commands.run("/open 1")


def test_completion(commands: SlashCommands) -> None:
    assert "/model" in commands.candidates("/mo")
    assert commands.candidates("/model s") == ["extractive", "small"]
    assert [commands.candidates(text) for text in ("", "what", "/open 1", "/x\n")] == [(), (), (), ()]


def test_quit_and_clear(commands: SlashCommands) -> None:
    cleared: list[bool] = []
    commands.clear_screen = lambda: cleared.append(True)
    commands.run("/clear")
    assert (cleared, commands.is_over) == ([True], False)
    commands.run("/quit")
    assert commands.is_over
