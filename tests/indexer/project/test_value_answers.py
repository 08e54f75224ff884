"""Questions for a value asked of an index: the lines that give it, and no others."""

from pathlib import Path

import pytest

from indexer.project.settings import parse_setting_query
from indexer.project.value_answers import find_values
from tests.indexer.project.harness import indexed


def told(folder: Path, question: str) -> list[tuple[str, str]]:
    query = parse_setting_query(question)
    assert query is not None
    with indexed(folder).store.read() as snapshot:
        return [(f"{found.path}:{found.line}", found.text) for found in find_values(query, snapshot)]


@pytest.mark.parametrize(
    ("question", "place", "text"),
    [
        ("What is the default timeout?", "shop/config.py:3", "DEFAULT_TIMEOUT = 30.0"),
        ("How many items may a cart hold?", "shop/config.py:4", "MAX_ITEMS = 200  # in a cart"),
        ("How long does a session live by default?", "shop/session.py:5", "max_age: int | None = 14 * 24 * 60 * 60,"),
        ("What is the name of the session cookie?", "shop/session.py:4", "cookie: str = 'shop_session',"),
        (
            "Which environment variable holds the token?",
            "shop/config.py:7",
            'TOKEN = os.environ.get("SHOP_TOKEN")',
        ),
    ],
)
def test_the_line_that_gives_the_value_comes_first(tmp_path: Path, question: str, place: str, text: str) -> None:
    assert told(tmp_path, question)[0] == (place, text)


@pytest.mark.parametrize("question", ["How many laps does a runner do?", "What is the default colour of the sky?"])
def test_what_no_line_covers_is_not_told(tmp_path: Path, question: str) -> None:
    assert told(tmp_path, question) == []


def test_a_test_tells_no_default(tmp_path: Path) -> None:
    assert "tests/test_config.py:1" not in dict(told(tmp_path, "What is the default timeout?"))
    assert told(tmp_path / "other", "What is the default timeout of the tests?")[0][0] == "tests/test_config.py:1"


PORTS = {
    "main.go": 'var (\n\taddr = flag.String("addr", ":9090", "where to listen")\n\tcount = 12\n)\n',
    "Dockerfile": "FROM scratch\nEXPOSE 9090\n",
    "export.py": 'port_file = "{0}-{1}.conf".format(port)\nDEFAULT_PORTS = {"http": 80}\n',
}


def ask(folder: Path, question: str, files: dict[str, str]) -> list[tuple[str, str, str]]:
    query = parse_setting_query(question)
    assert query is not None
    with indexed(folder, files).store.read() as snapshot:
        return [(found.kind, found.symbol, found.text) for found in find_values(query, snapshot)]


def test_a_port_is_the_number_of_an_address(tmp_path: Path) -> None:
    found = [text for _, _, text in ask(tmp_path, "Which port does it use?", PORTS)]
    assert sorted(found) == ["EXPOSE 9090", 'addr = flag.String("addr", ":9090", "where to listen")']


@pytest.mark.parametrize(
    ("code", "option", "text"),
    [
        ('@option(\n    "--backlog",\n    default=1024,\n)\n', "backlog", "default=1024,"),
        ("class Backlog(Setting):\n    default = 2048\n", "Backlog", "default = 2048"),
    ],
)
def test_a_default_has_the_name_of_its_option(tmp_path: Path, code: str, option: str, text: str) -> None:
    assert ask(tmp_path, "What is the default backlog?", {"a.py": code})[0] == ("option", option, text)


def test_a_default_in_an_attribute_has_the_name_of_the_field_below(tmp_path: Path) -> None:
    files = {"a.rs": "struct Args {\n    #[arg(long, default_value_t = 8)]\n    timeout: u64,\n}\n"}
    found = ask(tmp_path, "What is the default timeout?", files)
    assert found[0] == ("option", "timeout", "#[arg(long, default_value_t = 8)]")


def test_a_value_of_several_lines_is_told_whole(tmp_path: Path) -> None:
    files = {"a.py": "RETRY_CODES = [\n    429,\n    503,\n]\n"}
    query = parse_setting_query("What are the default retry codes?")
    assert query is not None
    world = indexed(tmp_path, files)
    with world.store.read() as snapshot:
        found = find_values(query, snapshot)
    assert [(item.text, item.line, item.end) for item in found] == [("RETRY_CODES = [ 429, 503, ]", 1, 4)]


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("app.py", "app.run(port=5000)"),
        ("a.js", "const port = process.env.PORT || 3000;"),
        ("b.js", "app.listen(3000);"),
    ],
)
def test_a_port_is_found(tmp_path: Path, path: str, row: str) -> None:
    for at, question in enumerate(["Which port does it use?", "Which port does the server listen on?"]):
        found = ask(tmp_path / str(at), question, {path: f"{row}\n", "b.py": "listen_backlog = 2048\n"})
        assert [text for _, _, text in found] == [row]
