"""The chat format that a model file carries as a Jinja template, reduced to the five texts of a `ChatFormat`.

Templates are untrusted code. One runs once per model, sandboxed, in a child process with limits on
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
    arguments = json.dumps({"template": template, "bos": bos, "eos": eos})
    try:
        child = subprocess.run(
            [
                sys.executable,
                "-I",
                "-c",
                f"import sys; sys.path[:0] = {sys.path!r}; from prompts.template import main; main()",
            ],
            input=arguments,
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
    before, _, after = (renderings["without_system"] or "").partition(USERS[0])
    if not (renderings["open"] or "").endswith(USERS[0] + after):
        return chat
    return replace(chat, opening_without_system=before)


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
        raise TemplateRejected("the model's chat template changes earlier text as the conversation grows")
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


def _markers(*texts: str) -> tuple[str, ...]:
    """The words of the template text that look like markup. Only the vocabulary knows which are control tokens; a
    cut of the content inside one of the others does no harm.
    """
    words = (word for text in texts for word in re.split(r"\s+|(?<=[\]>])(?=[\[<])", text))
    return tuple(dict.fromkeys(word for word in words if len(word) > 2 and re.search(r"[^\w.,]", word)))


def main() -> None:
    """The child: reads one JSON object, renders, answers one JSON object."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    arguments = json.load(sys.stdin)
    render = _sandboxed(arguments["template"], arguments["bos"], arguments["eos"])
    system = [{"role": "system", "content": SYSTEM}]
    users = [{"role": "user", "content": text} for text in USERS]
    answers = [{"role": "assistant", "content": text} for text in ANSWERS]
    turns = [users[0], answers[0], users[1], answers[1], users[2]]
    try:
        renderings = {"open": render([*system, users[0]], True), "answered": render([*system, *turns], True)}
    except _Refused:  # the template has no system role and raises
        renderings = {"open": render([users[0]], True), "answered": render(turns, True)}
    try:
        without_system = render([users[0]], True)
    except _Refused:  # the template requires a system prompt
        without_system = ""
    json.dump(renderings | {"without_system": without_system}, sys.stdout)


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

    def render(messages: list[dict[str, str]], open_for_answer: bool) -> str:
        names: dict[str, Any] = {"messages": messages, "add_generation_prompt": open_for_answer, "tools": None}
        names["enable_thinking"] = False  # reasoning is hidden, so it only costs time
        pieces, size = [], 0
        for piece in compiled.generate(**names, bos_token=bos, eos_token=eos):
            size += len(piece)
            if size > OUTPUT_BYTES:
                raise ValueError(f"it writes more than {OUTPUT_BYTES} characters")
            pieces.append(piece)
        return "".join(pieces)

    return render
