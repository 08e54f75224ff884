"""The chat format that a model file carries as a Jinja template, reduced to the five texts of a `ChatFormat`.

A template is a stranger's program. It runs once per model, sandboxed, in a child process with limits on
processor time, memory and output, on a conversation of placeholders; real content never passes through it.
"""

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from models.types import REASONING_MARKS
from prompts.errors import TemplateRejected
from prompts.formats import ChatFormat

TEMPLATE_BYTES = 64 * 1024
OUTPUT_BYTES = 64 * 1024
CPU_SECONDS = 2
MEMORY_BYTES = 512 * 1024 * 1024
WALL_SECONDS = 10

# Private-use characters: no template tests for them, trims them or escapes them.
SYSTEM, USERS, ANSWERS = "\ue000", ("\ue001", "\ue002", "\ue003"), ("\ue004", "\ue005")


def derive(template: str, bos: str, eos: str) -> ChatFormat:
    """The format of `template`; `bos` and `eos` are the texts of those tokens. Raises `TemplateRejected`."""
    if len(template.encode()) > TEMPLATE_BYTES:
        raise TemplateRejected(f"the model's chat template is longer than {TEMPLATE_BYTES} bytes")
    question = json.dumps({"template": template, "bos": bos, "eos": eos})
    try:
        child = subprocess.run(
            [
                sys.executable,
                "-I",
                "-c",
                f"import sys; sys.path[:0] = {sys.path!r}; from prompts.template import main; main()",
            ],
            input=question,
            capture_output=True,
            text=True,
            timeout=WALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise TemplateRejected(f"the model's chat template ran longer than {WALL_SECONDS} s") from None
    if child.returncode != 0:
        last = (child.stderr.strip().splitlines() or ["killed by its limits"])[-1]
        raise TemplateRejected(f"the model's chat template cannot be used: {last[:300]}")
    renderings: dict[str, str | None] = json.loads(child.stdout)
    chat = _between(renderings["open"] or "", renderings["answered"] or "", bos, eos)
    before, _, behind = (renderings["bare"] or "").partition(USERS[0])
    return replace(chat, bare=before) if (renderings["open"] or "").endswith(USERS[0] + behind) else chat


def _between(opened: str, answered: str, bos: str, eos: str) -> ChatFormat:
    """Reads the texts between the placeholders. `opened` ends where an answer begins, `answered` has two turns more."""
    try:
        opening, rest = opened.split(SYSTEM) if SYSTEM in opened else ("", opened)
        after_system, after_user = rest.split(USERS[0])
        _, first_answer = answered.split(USERS[0])
        before_answer, rest = first_answer.split(ANSWERS[0])
        after_answer, rest = rest.split(USERS[1])
        _, rest = rest.split(ANSWERS[1])
        again, _ = rest.split(USERS[2])
    except ValueError:
        raise TemplateRejected("the model's chat template drops or repeats messages") from None
    if after_answer != again or not answered.startswith(opened.split(USERS[0])[0]):
        raise TemplateRejected("the model's chat template changes what it said before as the conversation grows")
    if SYSTEM not in opened:  # no system role: what belongs there stands at the head of the first user message
        opening, after_system = after_system, "\n\n"
    lead = before_answer.removeprefix(after_user) if before_answer.startswith(after_user) else ""
    if lead.strip():  # markup, such as an empty thought or the name of a channel: written for the model
        after_user, lead = after_user + lead, ""
    end = re.match(r"<[^<>\s]+>", after_answer.lstrip())
    stop = tuple(text for text in dict.fromkeys((eos, end[0] if end else "")) if text)
    return ChatFormat(
        opening,
        after_system,
        _answering(after_user),
        lead,
        after_answer,
        stop,
        _markers(opening, after_system, after_user, after_answer),
    )


def _answering(after_user: str) -> str:
    """With thinking that the template leaves open ended at once: the model then only answers."""
    for mark, until in REASONING_MARKS:
        begin = after_user.rfind(mark)
        if begin >= 0 and until not in after_user[begin:]:
            return f"{after_user.rstrip()}\n\n{until}\n\n"
    return after_user


def _markers(*scaffold: str) -> tuple[str, ...]:
    """The words of the scaffold that look like markup. Which are control tokens only the vocabulary knows; content
    that is cut inside one of those is none the worse.
    """
    words = (word for text in scaffold for word in re.split(r"\s+|(?<=[\]>])(?=[\[<])", text))
    return tuple(dict.fromkeys(word for word in words if len(word) > 2 and re.search(r"[^\w.,]", word)))


def main() -> None:
    """The child: reads one JSON object, renders, answers one JSON object."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    given = json.load(sys.stdin)
    draw = _sandboxed(given["template"], given["bos"], given["eos"])
    system = [{"role": "system", "content": SYSTEM}]
    users = [{"role": "user", "content": text} for text in USERS]
    answers = [{"role": "assistant", "content": text} for text in ANSWERS]
    turns = [users[0], answers[0], users[1], answers[1], users[2]]
    try:
        renderings = {"open": draw([*system, users[0]], True), "answered": draw([*system, *turns], True)}
    except _Refused:  # a template without a system role says so by raising
        renderings = {"open": draw([users[0]], True), "answered": draw(turns, True)}
    try:
        bare = draw([users[0]], True)
    except _Refused:  # one that insists on a system prompt
        bare = ""
    json.dump(renderings | {"bare": bare}, sys.stdout)


class _Refused(Exception):
    """The template called `raise_exception`."""


def _sandboxed(template: str, bos: str, eos: str) -> Callable[[list[dict[str, str]], bool], str]:
    from jinja2 import nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` marks the model's own text for training; it changes nothing here."""

        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: object = "") -> NoReturn:
        raise _Refused(str(message))

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation]
    )
    environment.globals |= {"raise_exception": refuse, "strftime_now": lambda _format: ""}
    compiled = environment.from_string(template)

    def draw(messages: list[dict[str, str]], open_for_answer: bool) -> str:
        names: dict[str, Any] = {"messages": messages, "add_generation_prompt": open_for_answer, "tools": None}
        names["enable_thinking"] = False  # who waits for an answer reads no thoughts
        pieces, size = [], 0
        for piece in compiled.generate(**names, bos_token=bos, eos_token=eos):
            size += len(piece)
            if size > OUTPUT_BYTES:
                raise ValueError(f"it writes more than {OUTPUT_BYTES} characters")
            pieces.append(piece)
        return "".join(pieces)

    return draw
