"""The chat format that a model file carries as a Jinja template, reduced to the five texts of a `ChatFormat`.

Templates are untrusted code. One runs once per model, and once for each conversation with tools, sandboxed, in a child
process with limits on processor time, memory and output, on placeholders; real content never passes through it.
"""

import json
import re
import resource
import subprocess
import sys
from dataclasses import replace
from typing import Any, NoReturn, Protocol

from models.types import REASONING_MARKS
from prompts.errors import TemplateRejected
from prompts.formats import ChatFormat
from prompts.tools.syntax import ToolFormat, syntax_of

TEMPLATE_BYTES = 64 * 1024
OUTPUT_BYTES = 64 * 1024
CPU_SECONDS = 2
MEMORY_BYTES = 512 * 1024 * 1024
WALL_SECONDS = 10

# Private-use characters: no template tests for them, trims them or escapes them.
SYSTEM, USERS, ANSWERS = "\ue000", ("\ue001", "\ue002", "\ue003"), ("\ue004", "\ue005")
TOOL = "\ue006"
# Around the number of a placeholder in a conversation with tools; the second one stands inside a JSON string.
PLAIN, IN_JSON, END = "\ue010", "\ue011", "\ue012"


def derive(template: str, bos: str, eos: str) -> ChatFormat:
    """The format of `template`; `bos` and `eos` are the texts of those tokens. Raises `TemplateRejected`."""
    renderings = _run({"template": template, "bos": bos, "eos": eos})
    chat = _between(renderings["open"] or "", renderings["answered"] or "", bos, eos)
    chat = replace(chat, tools=_tools(renderings, template, bos, eos))
    before, _, after = (renderings["without_system"] or "").partition(USERS[0])
    if not (renderings["open"] or "").endswith(USERS[0] + after):
        return chat
    return replace(chat, opening_without_system=before)


def derive_tools(template: str, bos: str, eos: str) -> ToolFormat | None:
    """How a model with this template gets tools; None if it has none. For a model whose format is written by hand."""
    if syntax_of(template) is None:
        return None
    return _tools(_run({"template": template, "bos": bos, "eos": eos}), template, bos, eos)


def rendered(tools: ToolFormat, messages: list[dict[str, Any]], definitions: list[dict[str, Any]]) -> str:
    """A conversation with tools, open for an answer. Its texts are placeholders. Raises `TemplateRejected`."""
    arguments = {"template": tools.template, "bos": tools.bos, "eos": tools.eos}
    head, mark, tail = (_run(arguments | {"messages": messages, "tools": definitions})["open"] or "").rpartition(END)
    return head + mark + _answering(tail)


def _tools(renderings: dict[str, str | None], template: str, bos: str, eos: str) -> ToolFormat | None:
    syntax = syntax_of(template)
    return ToolFormat(syntax, template, bos, eos) if syntax and TOOL in (renderings["tools"] or "") else None


def _run(arguments: dict[str, Any]) -> dict[str, str | None]:
    """What the child answers. Raises `TemplateRejected`."""
    if len(arguments["template"].encode()) > TEMPLATE_BYTES:
        raise TemplateRejected(f"the model's chat template is longer than {TEMPLATE_BYTES} bytes")
    try:
        child = subprocess.run(
            [
                sys.executable,
                "-I",
                "-c",
                f"import sys; sys.path[:0] = {sys.path!r}; from prompts.template import main; main()",
            ],
            input=json.dumps(arguments),
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
    return renderings


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
    if "messages" in arguments:
        json.dump({"open": render(arguments["messages"], arguments["tools"])}, sys.stdout)
    else:
        json.dump(_probes(render), sys.stdout)


def _probes(render: "_Render") -> dict[str, str]:
    """The renderings from which `derive` reads a format."""
    system = [{"role": "system", "content": SYSTEM}]
    users = [{"role": "user", "content": text} for text in USERS]
    answers = [{"role": "assistant", "content": text} for text in ANSWERS]
    turns = [users[0], answers[0], users[1], answers[1], users[2]]
    try:
        renderings = {"open": render([*system, users[0]]), "answered": render([*system, *turns])}
    except _Refused:  # the template has no system role and raises
        renderings = {"open": render([users[0]]), "answered": render(turns)}
    try:
        without_system = render([users[0]])
    except _Refused:  # the template requires a system prompt
        without_system = ""
    function = {"name": TOOL, "description": "", "parameters": {"type": "object", "properties": {}}}
    try:
        tools = render([users[0]], [{"type": "function", "function": function}])
    except Exception:  # noqa: BLE001 - code of a stranger: whatever it raises, it does not take tools
        tools = ""
    return renderings | {"without_system": without_system, "tools": tools}


class _Refused(Exception):
    """The template called `raise_exception`."""


class _Render(Protocol):
    def __call__(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> str: ...


def _sandboxed(template: str, bos: str, eos: str) -> _Render:
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
    environment.filters["tojson"] = _json
    compiled = environment.from_string(template)

    def render(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> str:
        names: dict[str, Any] = {"messages": messages, "add_generation_prompt": True, "tools": tools}
        names["enable_thinking"] = False  # reasoning is hidden, so it only costs time
        pieces, size, limit = [], 0, OUTPUT_BYTES + 4 * len(json.dumps([messages, tools]))
        for piece in compiled.generate(**names, bos_token=bos, eos_token=eos):
            size += len(piece)
            if size > limit:
                raise ValueError(f"it writes more than {limit} characters")
            pieces.append(piece)
        return "".join(pieces)

    return render


def _json(value: object, indent: int | None = None, **options: Any) -> str:
    """The filter `tojson` as model files expect it: no HTML escapes. Marks the placeholders that it puts into JSON."""
    return json.dumps(value, ensure_ascii=False, indent=indent, **options).replace(PLAIN, IN_JSON)
