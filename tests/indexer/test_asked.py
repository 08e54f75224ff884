"""Which questions are structural, and the near misses that are not."""

import pytest

from indexer.asked import Asked, recognise

STRUCTURAL = [
    ("where is build_prompt defined?", Asked("definition", "build_prompt")),
    ("Where is `parse` defined", Asked("definition", "parse")),
    ("where is parse defined in this repo?", Asked("definition", "parse")),
    ("where's Budget.trim?", Asked("definition", "Budget.trim")),
    ("where is Store?", Asked("definition", "Store")),
    ("where is the Store class defined?", Asked("definition", "Store", "class")),
    ("where is the class Store", Asked("definition", "Store", "class")),
    ("Where is the function parse defined?", Asked("definition", "parse", "function")),
    ("which file defines std::vec::push", Asked("definition", "std.vec.push")),
    ("Can you show me the definition of build_prompt() please?", Asked("definition", "build_prompt")),
    ("what is the signature of parse?", Asked("signature", "parse")),
    ("signature of Budget.trim", Asked("signature", "Budget.trim")),
    ("what arguments does build_prompt take?", Asked("signature", "build_prompt")),
    ("who calls parse?", Asked("calls", "parse")),
    ("What calls `parse`?", Asked("calls", "parse")),
    ("which functions call build_prompt(question)?", Asked("calls", "build_prompt")),
    ("list all callers of Store.read", Asked("calls", "Store.read")),
    ("where is build_prompt called from?", Asked("calls", "build_prompt")),
    ("what uses Store?", Asked("uses", "Store")),
    ("where is MAX_BYTES used", Asked("uses", "MAX_BYTES")),
    ("find all references to loadConfig", Asked("uses", "loadConfig")),
    ("who imports numpy", Asked("imports", "numpy")),
    ("which files import indexer.store?", Asked("imports", "indexer.store")),
    ("what imports prompts/build.py", Asked("imports", "prompts/build.py")),
    ("what subclasses Engine", Asked("subclasses", "Engine")),
    ("which classes inherit from BaseModel?", Asked("subclasses", "BaseModel")),
    ("what implements the Engine protocol?", Asked("subclasses", "Engine", "protocol")),
    ("implementations of `Engine`", Asked("subclasses", "Engine")),
    ("which tests touch build_prompt?", Asked("tests", "build_prompt")),
    ("what tests cover parse", Asked("tests", "parse")),
    ("what does prompts/build.py contain?", Asked("outline", "prompts/build.py")),
    ("what is in build.py?", Asked("outline", "build.py")),
    ("outline of indexer/store.py", Asked("outline", "indexer/store.py")),
    ("what methods does Budget have?", Asked("outline", "Budget")),
    ("list the functions in build.py", Asked("outline", "build.py")),
    ("list the routes", Asked("routes")),
    ("which endpoints does the server expose?", Asked("routes")),
    ("list all HTTP endpoints in this project", Asked("routes")),
    ("list the commands", Asked("commands")),
    ("what CLI commands are there?", Asked("commands")),
]
OTHER = [
    "where is the config loaded?",
    "where is the config defined?",
    "where is the config?",
    "where is authentication?",
    "where is retry handled",
    "where is Python installed",
    "where are tests defined for the parser and the scanner?",
    "where is the error raised when parse fails",
    "how does build_prompt work?",
    "what is Budget.trim",
    "why does build_prompt call trim?",
    "who calls the police",
    "who calls it?",
    "who calls parse and why?",
    "what calls does parse make?",
    "what uses memory",
    "what uses the most memory",
    "who uses this?",
    "explain who calls build_prompt",
    "what implements retries",
    "what arguments does the server take?",
    "tests for the parser",
    "how many tests are there",
    "what is in the box",
    "what does this module contain",
    "what does the config contain?",
    "how are routes registered?",
    "how do I add a route?",
    "what commands should I run to install it",
    "where is build_prompt defined?\nTraceback (most recent call last):",
    "where is build_prompt defined and " + "why " * 40,
    "",
    "?",
    "where is defined",
]


@pytest.mark.parametrize(("question", "asked"), STRUCTURAL)
def test_structural(question: str, asked: Asked) -> None:
    assert recognise(question) == asked


@pytest.mark.parametrize("question", OTHER)
def test_not_structural(question: str) -> None:
    assert recognise(question) is None
