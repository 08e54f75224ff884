"""The scripted answer of the socket's tests, and a prompt sent over a socket."""

from backend.db.conversations import new_id
from tests.backend.harness import Socket

TEXTS = ("The ", "answer ", "is é", "🙂", ".")
ANSWER = "".join(TEXTS)


async def send_prompt(socket: Socket, session: str, text: str = "What?", **options: object) -> str:
    """Starts a turn; returns its id."""
    turn = new_id()
    await socket.call("session/prompt", session=session, turn=turn, text=text, **options)
    return turn
