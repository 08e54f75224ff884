"""Pairs -> pairs with another query: the text in a synthetic bug report, as a question, or its main words alone.

From reports a model learns to ignore the words of templates, environments and tracebacks.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from indexer.parsing.identifiers import STOP_WORDS
from indexer.training.dataset import ASKED, REPORT, WORDS, Example

_SHARE = 0.35  # of the short queries, which get a report too
_SHORT = 400  # characters of a query that can be the title of a report
_LONGEST = 1500  # characters
_PHRASES = """
Describe the bug
Steps to reproduce
To Reproduce
Expected behavior
Expected result
Actual behavior
What happened?
Minimal example:
Environment
Additional context
Checklist: I have searched existing issues
Possible solution
Feature request
I am using version 2.3.1 and noticed the following
This used to work in the previous release
Is this a bug?
Any help would be appreciated, thanks
OS: Ubuntu 22.04, Python 3.10.4
macOS 14.2 (arm64), installed with pip
Windows 11, node v18.12.1, npm 9
rustc 1.74.0, cargo build --release
go version go1.21 linux/amd64
java 17, maven
When I run the following code I get an error
It would be nice if this could be supported
The problem seems to be in
Output of the command:
See the full traceback below
I would expect that it does not fail
I can send a pull request
After upgrading it no longer works
Related to #1234
Here is a small script that shows the issue
""".strip().splitlines()
_MOST_WORDS = 6  # of a query of words alone
_ASKED = {  # by whether the text begins with a verb: "Returns the size", "the size"
    True: ("how to {}", "where do we {}", "where does it {}", "code that should {}", "function to {}"),
    False: ("where is {}", "how does {} work", "how is {} done", "what implements {}", "explain {}"),
}
_VERB = re.compile(
    r"(?!(?:this|its|has|does|was|always)$)"
    r"(?:[a-z]+[^s]s|[a-z]{2,}[sxz]es|get|set|add|make|create|check|find|return|parse|read|write)"
)
_ERRORS = ("ValueError", "TypeError", "KeyError", "AttributeError", "RuntimeError", "AssertionError", "panic")


def reports(examples: Sequence[Example], codes: Sequence[str], seed: int) -> Iterator[Example]:
    """Reports around some of `examples`, with the same answers. They quote code of the same package."""
    rng = np.random.default_rng(seed)
    of_code: dict[int, list[str]] = defaultdict(list)
    of_package: dict[str, list[int]] = defaultdict(list)
    for example in examples:
        of_code[example.code].append(example.query)
        of_package[example.package].append(example.code)
    for example in examples:
        if len(example.query) <= _SHORT and rng.random() < _SHARE:
            others = [query for query in of_code[example.code] if query != example.query]
            near = of_package[example.package]
            quoted = [codes[near[index]] for index in rng.integers(len(near), size=3)]
            if rng.random() < 0.5:
                quoted.append(codes[example.code])
            text = _report(example.query, others, quoted, rng)
            yield Example(REPORT, text, example.code, example.package)


def reworded(examples: Sequence[Example], seed: int) -> Iterator[Example]:
    """Each of `examples` once more: by its main words, or as a question."""
    rng = np.random.default_rng(seed)
    for example in examples:
        first = example.query.split(". ")[0].rstrip(".")
        words = [word for word in re.findall(r"\w+", first) if word.lower() not in STOP_WORDS]
        if len(words) < 2:
            continue
        if rng.random() < 0.5:
            yield Example(WORDS, " ".join(words[:_MOST_WORDS]).lower(), example.code, example.package)
        else:
            yield Example(ASKED, _question(first, rng), example.code, example.package)


def _question(text: str, rng: np.random.Generator) -> str:
    verb, _, rest = f"{text[:1].lower()}{text[1:]}".partition(" ")
    begins_with_verb = bool(_VERB.fullmatch(verb))
    forms = _ASKED[begins_with_verb]
    plain = f"{_infinitive(verb)} {rest}" if begins_with_verb else f"{verb} {rest}".strip()
    return forms[int(rng.integers(len(forms)))].format(plain)


def _infinitive(verb: str) -> str:
    """`returns` -> return, `matches` -> match, `copies` -> copy."""
    if verb.endswith("ies"):
        return f"{verb[:-3]}y"
    if re.search(r"(?:ss|x|z|ch|sh)es$", verb):
        return verb[:-2]
    return verb.removesuffix("s")


def _report(title: str, others: Sequence[str], quoted: Sequence[str], rng: np.random.Generator) -> str:
    phrases = [_PHRASES[index] for index in rng.integers(len(_PHRASES), size=4)]
    parts = [*others[:1], _traceback(quoted, rng) if rng.random() < 0.5 else _snippet(quoted[0], rng)]
    body = [part for pair in zip(phrases, [*parts, "", ""], strict=False) for part in pair]
    return "\n".join([title, *body])[:_LONGEST]


def _snippet(code: str, rng: np.random.Generator) -> str:
    """A few lines of a definition."""
    lines = code.split("\n")[1:]
    start = int(rng.integers(max(1, len(lines) - 4)))
    return "\n".join(lines[start : start + 5])


def _traceback(quoted: Iterable[str], rng: np.random.Generator) -> str:
    frames = ["Traceback (most recent call last):"]
    for code in quoted:
        path, _, name = code.partition("\n")[0].partition(" ")
        line = int(rng.integers(10, 900))
        frames.append(f'  File "/usr/lib/python3/site-packages/{path}", line {line}, in {name.rpartition(".")[2]}')
        frames.append(f"    {_snippet(code, rng).strip().partition(chr(10))[0]}")
    return "\n".join([*frames, _ERRORS[int(rng.integers(len(_ERRORS)))]])
