"""Which questions are about the project itself, and which are not."""

import pytest

from indexer.project.questions import parse_project_query


@pytest.mark.parametrize(
    ("question", "kind", "thing"),
    [
        ("What license does it have?", "licence", ""),
        ("How is this project licensed?", "licence", ""),
        ("What version is this?", "version", ""),
        ("Which Python versions are supported?", "runtime", "python"),
        ("What is the minimum supported Rust version?", "runtime", "rust"),
        ("What is the MSRV?", "runtime", "rust"),
        ("What is the oldest Python version that is supported?", "runtime", "python"),
        ("Which version of node do I need?", "runtime", "node"),
        ("Does it support Python 3.8?", "runtime", "python"),
        ("Which C++ standard is required?", "runtime", "c++"),
        ("What are the dependencies?", "dependencies", ""),
        ("Which packages does it depend on?", "dependencies", ""),
        ("What dev dependencies are there?", "dependencies", "dev"),
        ("How do I run the tests?", "command", "test"),
        ("What is the command to run the test suite?", "command", "test"),
        ("Which make target runs the tests?", "command", "test"),
        ("How can I lint the code?", "command", "lint"),
        ("How do I run static analysis?", "command", "analysis"),
        ("How do I build the docs?", "command", "docs"),
        ("How do I build it from source?", "command", "build"),
        ("How do I start the dev server?", "command", "run"),
        ("What is the name of this package?", "name", ""),
        ("Where does execution start?", "entry points", ""),
        ("How are releases made?", "command", "release"),
        ("What optional dependencies does it have?", "dependencies", "optional"),
        ("How do I use it?", "command", "use"),
        ("Which environment variables are there?", "environment", ""),
        ("Under what terms is this library released?", "licence", ""),
        ("What are the build requirements?", "requirements", ""),
        ("What are the system requirements?", "requirements", ""),
        ("What must I install to build it?", "requirements", ""),
        ("What does it need to run?", "requirements", ""),
        ("What do I need to build this?", "requirements", ""),
        ("What are its dependencies?", "dependencies", ""),
        ("Can I use this code in my own product?", "licence", ""),
        ("How are the docs built?", "command", "docs"),
        ("Which commands does this package install?", "entry points", ""),
        ("Which binaries are built?", "entry points", ""),
        ("Where is the main class?", "entry points", ""),
        ("Which environment variables can I set?", "environment", ""),
        ("How do I run the database migrations?", "command", "database migrations"),
        ("Which platforms does it support?", "ci", ""),
        ("How do I add it to my project?", "install", ""),
        ("How do I install it?", "install", ""),
        ("What is the entry point?", "entry points", ""),
        ("What does this project do?", "purpose", ""),
        ("Give me an overview", "purpose", ""),
        ("How is the code organised?", "layout", ""),
        ("Which environment variables does it read?", "environment", ""),
        ("On which operating systems is it tested?", "ci", ""),
        ("Who maintains it?", "authors", ""),
        ("Where is the documentation?", "links", "documentation"),
        ("What is the package name?", "name", ""),
        ("Which build system is used?", "tools", "build"),
        ("Is it MIT licensed?", "licence", ""),
        ("What is the package's version?", "version", ""),
        ("What is the npm package name?", "name", ""),
        ("What is the main file?", "entry points", ""),
        ("Which Kotlin version is it built with?", "runtime", "kotlin"),
        ("Which command builds the docs?", "command", "docs"),
        ("How are the tests run?", "command", "test"),
        ("How is the project built?", "command", "build"),
        ("How do I run only the unit tests?", "command", "test"),
        ("How do I set this up locally?", "command", "setup"),
        ("Which third-party libraries are used?", "dependencies", "third-party"),
    ],
)
def test_a_question_about_the_project(question: str, kind: str, thing: str) -> None:
    query = parse_project_query(question)
    assert query is not None
    assert (query.kind, query.thing, query.owner) == (kind, thing, "")


@pytest.mark.parametrize(
    "question",
    [
        "How are licence keys checked?",
        "What is a Router?",
        "How does it parse headers?",
        "How do I send log messages to Slack?",
        "What is the default timeout?",
        "Which port does the server listen on?",
        "How do I build a request?",
        "Under what terms is a session closed?",
        "What are the password requirements?",
        "What circular dependencies are there?",
        "Which environment variables are passed to the child process?",
        "What is the name of the parser module?",
        "Which platforms does the path helper support?",
        "What must I have to call send?",
        "How do I add this to the router?",
        "How do I send a patch?",
        "Which modules are used?",
        "Where is the repository?",
        "How do I check the types?",
        "What version of `parse` is called?",
        "How do I run the tests?\nAnd what else?",
        "How do I run the tests " + "again " * 30,
    ],
)
def test_another_question(question: str) -> None:
    assert parse_project_query(question) is None


@pytest.mark.parametrize(
    ("question", "owner"),
    [
        ("What license does shopkeep use?", "shopkeep"),
        ("Which Python versions does numpy support?", "numpy"),
        ("Which license applies to numpy?", "numpy"),
        ("How do I test numpy?", "numpy"),
        ("What is numpy's version?", "numpy"),
        ("How do I use the cache?", "cache"),
        ("What version of numpy is this?", "numpy"),
        ("Is numpy free for commercial use?", "numpy"),
        ("How do I install the plugin?", "plugin"),
        ("How do I start the server?", "server"),
        ("How do I check that the token works?", "token"),
        ("What is the license of it?", ""),
    ],
)
def test_the_name_of_what_is_asked_about_is_kept(question: str, owner: str) -> None:
    query = parse_project_query(question)
    assert query is not None
    assert query.owner == owner
