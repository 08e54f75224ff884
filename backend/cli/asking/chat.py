"""`lantern chat`: reads questions and commands until the input ends. A server that is lost is looked for again."""

import sys
from pathlib import Path

from backend.cli import output
from backend.cli.asking.conversation import ChatConversation
from backend.cli.client import Client, ServerLost, open_client
from backend.cli.errors import MODEL_UNAVAILABLE, NO_INDEX, CommandFailed
from backend.cli.index import index_codebase
from backend.cli.paths import resolved
from backend.cli.settings import command_settings
from backend.config import Settings


def run_chat(path: Path, model: str) -> None:
    """Asks until the input ends. An interrupt stops the answer, not the chat."""
    settings, conversation = command_settings(), ChatConversation(path, model)
    if output.is_interactive():
        with output.typing_mode(is_shown=False):  # the prompt shows it
            _talk(settings, conversation)
        return
    output.note("Ask about the code; Ctrl-C stops an answer, Ctrl-D ends.")
    with open_client(settings) as client:
        conversation.connect(client)
        while (question := _piped()) is not None:
            try:
                conversation.ask(question)
            except CommandFailed as failure:
                output.error(failure)
                if failure.code == MODEL_UNAVAILABLE:
                    raise


def _piped() -> str | None:
    """The next line that is not empty; None at the end of the input."""
    while True:
        try:
            question = output.ask("> " if sys.stdin.isatty() else "").strip()
        except EOFError:
            return None
        if question:
            return question


def _talk(settings: Settings, conversation: ChatConversation) -> None:
    """A chat with a person at a terminal."""
    talk = _Talk(settings, conversation)
    is_new = True
    typed: str | None = None
    while True:
        try:
            with open_client(settings) as client:
                _connect(conversation, client)
                if is_new:
                    output.note(f"Ask about {conversation.root.name}. /help lists the commands, Ctrl-D ends.")
                    is_new = False
                talk.until_end(typed)
                return
        except ServerLost as lost:
            output.error(f"{lost}. The next question looks for a server again.")
            if is_new or (typed := talk.read()) is None:
                raise CommandFailed("the server was lost") from None


def _connect(conversation: ChatConversation, client: Client) -> None:
    """Indexes the codebase first if it is not, and if the person wants it."""
    try:
        conversation.connect(client)
    except CommandFailed as failure:
        if failure.code != NO_INDEX:
            raise
        with output.typing_mode(is_shown=True):
            if not output.confirm(f"{resolved(conversation.path)} is not indexed. Index it now?"):
                raise
        index_codebase(client, conversation.path)
        conversation.connect(client)


class _Talk:
    """The loop over what is typed."""

    def __init__(self, settings: Settings, conversation: ChatConversation) -> None:
        from backend.cli.asking.line_input import LineInput  # loads prompt_toolkit, which a pipe does not need
        from backend.cli.asking.slash_commands import SlashCommands

        self._conversation = conversation
        self._commands = SlashCommands(conversation, lambda: self._input.clear_screen())
        self._input = LineInput(settings.data_dir / "chat_history", self._commands.candidates)

    def read(self) -> str | None:
        """What is typed next; None at the end of the input."""
        while True:
            try:
                typed = self._input.read().strip()
            except EOFError:
                return None
            except KeyboardInterrupt:
                output.note("Ctrl-D ends the chat")
                continue
            if typed:
                return typed

    def until_end(self, typed: str | None) -> None:
        """Answers what is typed, `typed` first. Raises `ServerLost`."""
        while True:
            try:
                typed = typed or self.read()
                if typed is None:
                    return
                self._answer(typed)
            except ServerLost:
                raise
            except CommandFailed as failure:
                output.error(failure)
                if failure.code == MODEL_UNAVAILABLE:
                    output.note("/models lists the models, /model NAME takes another one")
            except KeyboardInterrupt:
                output.note("stopped")
            if self._commands.is_over:
                return
            typed = None

    def _answer(self, typed: str) -> None:
        if not self._commands.run(typed):
            self._conversation.ask(typed)
