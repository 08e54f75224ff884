"""Questions after an answer: of their own, about its subject, or for more of it."""

import pytest

from indexer.navigation.followup import ResolvedQuestion, Subject, is_thanks, resolve_followup

TRIM = Subject("Budget.trim", "shop/budget.py")
ABOUT_IT = [
    ("and who calls it?", "and who calls `Budget.trim`?"),
    ("who else calls this method?", "who else calls `Budget.trim`?"),
    ("show me its tests", "show me tests of `Budget.trim`"),
    ("and its callers?", "and callers of `Budget.trim`?"),
    ("what are its parameters?", "what are parameters of `Budget.trim`?"),
    ("where is that defined?", "where is `Budget.trim` defined?"),
    ("which file is that in?", "which file is `Budget.trim` in?"),
    ("where?", "where is `Budget.trim` defined?"),
    ("signature?", "signature of `Budget.trim`"),
    ("and the callers", "callers of `Budget.trim`"),
    ("Show me the tests!", "tests of `Budget.trim`"),
    ("What is it for?", "What is `Budget.trim` for?"),
    ("explain it", "explain `Budget.trim`"),
    ("make it faster", "make `Budget.trim` faster"),
    ("commit it", "commit `Budget.trim`"),
    ("compare it with Store.trim", "compare `Budget.trim` with Store.trim"),
    ("how does it parse the config file?", "how does `Budget.trim` parse the config file?"),
    ("What does it do when the file is missing?", "What does `Budget.trim` do when the file is missing?"),
    ("it's slow, why?", "`Budget.trim` is slow, why?"),
    ("what about its error handling?", "what about `Budget.trim`'s error handling?"),
    ("how is it used and what does it return?", "how is `Budget.trim` used and what does `Budget.trim` return?"),
    ("why does it do that?", "why does `Budget.trim` do that?"),
    ("is that thread-safe?", "is `Budget.trim` thread-safe?"),
    ("does this function raise?", "does `Budget.trim` raise?"),
    ("what does the function return?", "what does `Budget.trim` return?"),
    ("who else does the same?", "who else does the same as `Budget.trim`?"),
    ("I think it fails on Windows", "I think `Budget.trim` fails on Windows"),
    # Inside a clause the thing that is named there would be "itself".
    ("does the cache use it?", "does the cache use `Budget.trim`?"),
    ("does `Store` use it?", "does `Store` use `Budget.trim`?"),
    ("How do I pass the config to it?", "How do I pass the config to `Budget.trim`?"),
    ("show me the code that calls it", "show me the code that calls `Budget.trim`"),
    ("is there a way to call it from a thread?", "is there a way to call `Budget.trim` from a thread?"),
    # What encloses the subject.
    ("what else does this class contain?", "what else does `Budget` contain?"),
    ("what else is in this file?", "what else is in `shop/budget.py`?"),
    ("who imports that module?", "who imports `shop/budget.py`?"),
    ("what happens there?", "what happens in `shop/budget.py`?"),
]
MORE = [
    "why?",
    "explain more",
    "Explain it in more detail.",
    "can you elaborate?",
    "please go on",
    "more details please",
    "tell me more about it",
    "what do you mean?",
    "ok and?",
    "why is that?",
    "what else?",
    "show me an example",
    "I don't get it",
    "thanks, go on",
]
OWN = [
    "where is `Store` defined?",
    "tell me more about the scheduler",
    "explain more about caching",
    "who calls build_prompt?",
    "IT department",
    "Who runs the IT department?",
    "I think that the parser fails",
    "is it possible to run offline?",
    "does it make sense to cache?",
    "how long does it take to run the tests?",
    "is there a config file?",
    "does this repository have tests?",
    "is this error handled?",
    "what does that variable hold?",
    "how do they differ?",
    # The question itself names what it refers to.
    "if the cache is full, does it wait?",
    "how do I open a file and read it?",
    "when I write the file, who reads it?",
    "is `Store` used by it?",
    "When does Python know it is done?",
    "does the scheduler know its callers?",
    "which functions call the function that parses?",
    "what does the class Store do?",
    "what does this function parse_all do?",
    "how does the type system work?",
    # Code.
    "what does `it` do in mocha?",
    'how do I write it("adds") in jest?',
    "what does the it block do in rspec?",
    "list.map { it.name } compiles, why?",
    "how does this.state get updated?",
    "why is this->next null?",
    "why does it fail?\nTraceback (most recent call last):",
    "",
    "?",
]


@pytest.mark.parametrize(("question", "text"), ABOUT_IT)
def test_a_reference_is_replaced_by_the_subject(question: str, text: str) -> None:
    found = resolve_followup(question, TRIM)
    assert (found.kind, found.text) == ("subject", text)
    assert found.about is not None
    assert f"`{found.about.name}`" in text
    assert found.about.path == "shop/budget.py"


@pytest.mark.parametrize("question", MORE)
def test_a_question_for_more(question: str) -> None:
    assert resolve_followup(question, TRIM) == resolve_followup(question, None) == ResolvedQuestion("more", question)


@pytest.mark.parametrize("question", OWN)
def test_a_question_of_its_own(question: str) -> None:
    assert resolve_followup(question, TRIM) == ResolvedQuestion("own", question)


@pytest.mark.parametrize("question", [question for question, _ in ABOUT_IT])
def test_without_a_subject_nothing_is_replaced(question: str) -> None:
    assert resolve_followup(question, None) == ResolvedQuestion("own", question)


def test_a_section_of_a_document_has_a_file_but_no_name() -> None:
    section = Subject("", "docs/guide.md")
    assert resolve_followup("who calls it?", section) == ResolvedQuestion("own", "who calls it?")
    assert resolve_followup("what else is in this file?", section).text == "what else is in `docs/guide.md`?"


def test_it_may_be_a_file_and_this_class_a_class() -> None:
    assert resolve_followup("who imports it?", Subject("shop/a.py", "shop/a.py")).text == "who imports `shop/a.py`?"
    assert resolve_followup("what does this class do?", Subject("Budget", "a.py")).text == "what does `Budget` do?"
    assert (
        resolve_followup("what does this class do?", Subject("Outer.Inner", "a.py")).text
        == "what does `Outer.Inner` do?"
    )


def test_a_long_question_is_its_own() -> None:
    for question in ("it " * 3000, "why " * 3000, "the it that this " * 1000):
        assert resolve_followup(question, TRIM) == ResolvedQuestion("own", question)
    assert resolve_followup("it " * 79, TRIM).text.count("Budget.trim") == 79


@pytest.mark.parametrize("text", ["thanks", "Ok, thanks a lot!", "great", "I see."])
def test_thanks(text: str) -> None:
    assert is_thanks(text)
    assert not is_thanks(f"{text} and who calls it?")
