"""Tool calls in the answers of models: each form, what is no call, and answers that arrive in pieces of any size."""

import json
import random
from dataclasses import dataclass

import pytest

from models.types import ToolCall
from prompts.tools.parser import AnswerPart, ToolCallParser
from prompts.tools.syntax import SYNTAXES

FORMS = {syntax.name: syntax for syntax in SYNTAXES}
SCHEMAS = {"read_file": {"path": {"type": "string"}, "line": {"type": "integer"}}, "stop": {}}
READ = '{"name": "read_file", "arguments": {"path": "a.py"}}'


@dataclass(frozen=True)
class Read:
    """An answer put together: its text, and the name and arguments of each call."""

    text: str
    calls: list[tuple[str, str]]


def read(form: str, pieces: list[str], *, has_lead: bool = False) -> Read:
    parser = ToolCallParser(FORMS[form], SCHEMAS, lambda: "id", has_lead=has_lead)
    parts: list[AnswerPart] = [part for piece in pieces for part in parser.feed(piece)] + parser.end()
    calls: list[tuple[str, str]] = []
    for part in parts:
        if isinstance(part, ToolCall):
            if part.name:
                assert (part.id, part.index) == ("id", len(calls))
                calls.append((part.name, ""))
            assert part.index == len(calls) - 1
            calls[-1] = (calls[-1][0], calls[-1][1] + part.arguments)
    assert parser.calls == len(calls)
    return Read("".join(part for part in parts if isinstance(part, str)), calls)


CALL = ("read_file", '{"path": "a.py"}')
STOP = ("stop", "{}")
CASES = [
    ("hermes", f"<tool_call>\n{READ}\n</tool_call>", "", [CALL]),
    ("hermes", f"I look.\n\n<tool_call>\n{READ}\n</tool_call>\n", "I look.", [CALL]),
    (
        "hermes",
        f'<tool_call>\n{READ}\n</tool_call>\n<tool_call>\n{{"name": "stop", "arguments": {{}}}}\n</tool_call>',
        "",
        [CALL, STOP],
    ),
    ("hermes", f"<tool_call>\n{READ}\n</tool_call>\n\nDone, <b>see</b>.", "\n\nDone, <b>see</b>.", [CALL]),
    ("hermes", '<tool_call>{"arguments": {"path": "a.py"}, "name": "read_file"}</tool_call>', "", [CALL]),
    ("hermes", '<tool_call>{"name": "stop"}</tool_call>', "", [STOP]),
    ("hermes", f"<tool_call>\n{READ[:-1]}\n</tool_call>", "", [CALL]),  # a brace is missing
    ("hermes", f"<tool_call>\n{READ[:-2]}\n</tool_call>", "", [CALL]),  # two
    ("hermes", f"<tool_call>\n{READ}}}\n</tool_call>", "", [CALL]),  # one too many
    ("hermes", f"<tool_call>\n{READ}", "", [CALL]),
    ("hermes", READ, "", [CALL]),  # no marks
    ("hermes", f"```json\n{READ}\n```", "", [CALL]),
    ("hermes", f"{READ}\n{READ}", "", [CALL, CALL]),
    ("hermes", '{"name": "unknown", "arguments": {}} is JSON', '{"name": "unknown", "arguments": {}} is JSON', []),
    ("hermes", '{"name": "read_file", "size": 3}', '{"name": "read_file", "size": 3}', []),
    ("hermes", "```json\n[1, 2]\n```", "```json\n[1, 2]\n```", []),
    ("hermes", "```python\nprint()\n```", "```python\nprint()\n```", []),
    ("hermes", "It says `<tool_call>` there.", "It says `<tool_call>` there.", []),
    ("hermes", "<tool_call>\nnothing\n</tool_call>", "<tool_call>\nnothing\n</tool_call>", []),
    ("hermes", "a < b and <tool", "a < b and <tool", []),
    ("hermes", "  plain text \n", "  plain text \n", []),
    ("hermes", '<tool_call>{"name": "read_file", "arguments": "{\\"path\\": \\"a.py\\"}"}</tool_call>', "", [CALL]),
    (
        "hermes",
        "<tool_call>\n<function=read_file>\n<parameter=path>\n12\n</parameter>\n<parameter=line>\n7\n</parameter>\n"
        "</function>\n</tool_call>",
        "",
        [("read_file", '{"path": "12", "line": 7}')],
    ),
    ("hermes", '{"name": "stop", "arguments": {}, "arguments": {"a": 1}}', "", [STOP]),  # the first ones count
    ("hermes", '{"name": "stop", "arguments": x"name",y', '{"name": "stop", "arguments": x"name",y', []),
    ("mistral", f"[TOOL_CALLS] [{READ}]", "", [CALL]),
    ("mistral", f'[TOOL_CALLS][{READ}, {{"name": "stop", "arguments": {{}}}}]', "", [CALL, STOP]),
    ("mistral", 'Well. [TOOL_CALLS]read_file[ARGS]{"path": "a.py"}', "Well.", [CALL]),
    ("mistral", "[TOOL_CALLS]stop{}[TOOL_CALLS]stop[CALL_ID]a1[ARGS]{}", "", [STOP, STOP]),
    ("list", f"<|tool_call|>[{READ}]<|/tool_call|>", "", [CALL]),
    ("llama3", '{"name": "read_file", "parameters": {"path": "a.py"}}', "", [CALL]),
    ("llama3", '<|python_tag|>{"name": "read_file", "parameters": {"path": "a.py"}}', "", [CALL]),
    (
        "llama3",
        '{"type": "function", "name": "read_file", "parameters": {"path": "a.py"}}; {"name": "stop", "parameters": {}}',
        "",
        [CALL, STOP],
    ),
]


@pytest.mark.parametrize(("form", "answer", "text", "calls"), CASES)
def test_an_answer_is_separated_into_text_and_calls(
    form: str, answer: str, text: str, calls: list[tuple[str, str]]
) -> None:
    assert read(form, [answer]) == Read(text, calls)


@pytest.mark.parametrize(("form", "answer", "text", "calls"), CASES)
def test_pieces_of_any_size_give_the_same(form: str, answer: str, text: str, calls: list[tuple[str, str]]) -> None:
    chance = random.Random(answer)
    assert read(form, list(answer)) == Read(text, calls)
    for _ in range(100):
        cuts = sorted(chance.choices(range(len(answer) + 1), k=chance.randint(0, 6)))
        pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
        assert read(form, pieces) == Read(text, calls)


def test_random_answers_do_not_depend_on_their_pieces() -> None:
    chance = random.Random(17)
    words = ["<tool_call>", "</tool_call>", READ, "[TOOL_CALLS]", "{", "}", "[", "]", '"', "\\", "\n", " ", "text", ";"]
    words += ["```json\n", "```", '{"name": "stop"', ', "arguments": ', "<function=stop>", "</function>", "<", "name"]
    words += ["<|python_tag|>", "[ARGS]", "stop", ":", ",", '"name"', "<|tool_call|>"]
    for form in FORMS:
        for _ in range(400):
            answer = "".join(chance.choices(words, k=chance.randint(1, 9)))
            whole = read(form, [answer])
            assert read(form, list(answer)) == whole, answer
            place = chance.randint(0, len(answer))
            assert read(form, [answer[:place], answer[place:]]) == whole, answer


def test_the_lead_of_a_forced_call_is_in_the_prompt() -> None:
    assert read("hermes", [READ[:9], READ[9:]], has_lead=True) == Read("", [CALL])
    assert read("mistral", [READ], has_lead=True) == Read("", [CALL])
    assert read("llama3", [READ], has_lead=True) == Read("", [CALL])


def test_arguments_are_sent_as_they_are_written() -> None:
    parser = ToolCallParser(FORMS["hermes"], SCHEMAS, lambda: "1", has_lead=False)
    pieces = ['<tool_call>\n{"name": "read_file", "argu', 'ments": {"path": ', '"a', '.py"}}', "\n</tool_call>"]
    assert [parser.feed(piece) for piece in pieces] == [
        [],
        [ToolCall("1", "read_file", "", 0), ToolCall("", "", '{"path":', 0)],
        [ToolCall("", "", ' "a', 0)],
        [ToolCall("", "", '.py"}', 0)],
        [],
    ]


def test_a_call_that_was_cut_off_stays_a_call() -> None:
    cut = read("hermes", ['<tool_call>\n{"name": "read_file", "arguments": {"path": "a'])
    assert cut == Read("", [("read_file", '{"path": "a')])
    assert read("hermes", ['<tool_call>\n{"name": "read_f']) == Read('<tool_call>\n{"name": "read_f', [])


def test_long_arguments_are_read_once() -> None:
    code = "x = 1\n" * 20_000
    answer = f"<tool_call>{json.dumps({'name': 'read_file', 'arguments': {'path': code}})}</tool_call>"
    pieces = [answer[place : place + 50] for place in range(0, len(answer), 50)]
    [(_, arguments)] = read("hermes", pieces).calls
    assert json.loads(arguments) == {"path": code}
