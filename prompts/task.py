"""The instruction for the form of an answer. It stands after the code, where a small model still follows it.

Knows the question alone.
"""

import re

_HONEST = "If the code does not tell, say so."
# With an instruction what to answer if the code does not tell, a small model answers that: 7 of 28 right, not 17.
FACT = (
    "Answer in one or two sentences. Take each name, number and value from the code above exactly as it stands there,"
    f" and end each sentence with the number of its piece in brackets, like [1]. {_HONEST}"
)
CHANGE = (
    "Give the code in one block, in the style of the code above, then name in one or two sentences the places that it"
    " touches, each with the number of its piece in brackets, like [1]."
)
EXPLAIN = (
    "First answer the question in one or two sentences. Then explain from the code above, step by step, in 8 to 12"
    " sentences how it does this and why: name the functions, methods, classes, attributes and parameters in backticks,"
    " exactly as the code writes them, and say what they call, set, check or return. No headings, no lists, nothing"
    f" twice. End each sentence with the number of its piece in brackets, like [1]. {_HONEST}"
)

_FACT_WORDS = 14  # a longer question wants more than a fact
# Ask for one thing: a number, a name, a yes or no, a command.
_FACT = re.compile(
    r"\W*+(?:how (?:many|much|long|big|large|often|old|do i (?:run|install|build|test|start|lint))\b"
    r"|(?:which|when|who|where|is|are|does|do|can|from which|at which|in which)\b"
    r"|what(?:'s| is| are)? (?:the )?(?:\w+ ){0,3}"
    r"(?:default|version|licen[cs]e|name|limit|port|size|maximum|minimum|value|path|command|dependenc)"
    r"|what \w+ (?:version|is this|do i need|does it need|is required))",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"\W*+(?P<asks>please |can you |could you |let's |i want you to )?"
    r"(?:write|implement|add|fix|refactor|rewrite|rename|port|convert|complete|generate)\b",
    re.IGNORECASE,
)
_EXPLAINED = re.compile(r"\b(?:explain\w*|why|(?:and|me) how\b|how (?:does|do|is|are) (?!i\b|you\b))", re.IGNORECASE)


def answer_instruction(question: str) -> str:
    """The form of the answer that fits the question."""
    change = _CHANGE.match(question)
    if change and (change["asks"] or not question.rstrip().endswith("?")):  # "port 80?", "rename detection: how?"
        return CHANGE
    if _EXPLAINED.search(question):
        return EXPLAIN
    return FACT if _FACT.match(question) and len(question.split()) <= _FACT_WORDS else EXPLAIN
