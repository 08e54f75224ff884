"""How well a line answers a question for a value."""

import pytest

from indexer.project.settings import SettingQuery, parse_setting_query
from indexer.project.values import Place, ValueLine, values_in


def query(question: str) -> SettingQuery:
    found = parse_setting_query(question)
    assert found is not None
    return found


def best(question: str, text: str, path: str = "app/config.py", symbol: str = "") -> ValueLine:
    asked = query(question)
    found = list(values_in(Place(path, 10, symbol, text), asked, dict.fromkeys(asked.words, 1.0)))
    return max(found, key=lambda line: line.score)


def test_the_name_with_most_words_of_the_question_wins() -> None:
    text = "MAX_RETRIES = 3\nMAX_REDIRECTS = 20\nREDIRECTS = 'no'\n"
    found = best("How many redirects are followed at most?", text)
    assert (found.path, found.line, found.text) == ("app/config.py", 11, "MAX_REDIRECTS = 20")
    assert found.coverage == 0.5
    assert found.is_hinted


def test_what_is_around_a_line_counts() -> None:
    text = "def __init__(\n    self,\n    cookie: str = 'x',\n    max_age: int = 60,\n):"
    found = best("How long does a session cookie live?", text, "app/sessions.py", "SessionMiddleware.__init__")
    assert found.text == "max_age: int = 60,"
    assert found.coverage == 1.0


def test_a_value_of_another_kind_is_none() -> None:
    asked = query("How many files may a form upload?")
    place = Place("a.py", 1, "", "files = load()\nmax_files = None\n")
    assert list(values_in(place, asked, dict.fromkeys(asked.words, 1.0))) == []


def test_short_forms_and_parts_of_names_count() -> None:
    assert (
        best("What is the default buffer size?", "DEFAULT_BUF_SIZE = 8\nOTHER_SIZE = 9").text == "DEFAULT_BUF_SIZE = 8"
    )
    alive = "LIMITS = Limits(max_connections=100, max_keepalive_connections=20)"
    assert best("How many connections are kept alive?", f"a = 1\n{alive}").text == alive


def test_a_line_that_names_nothing_of_the_question_has_no_score() -> None:
    asked = query("What is the default timeout?")
    assert list(values_in(Place("a.py", 1, "", "color = 3\n"), asked, {"timeout": 1.0})) == []


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("What is the default timeout?", "# timeout = 30"),
        ("How long is a page kept?", "MAX_PAGE = 30"),
        ("How long is a message kept?", "MAX_MESSAGE_SIZE = 1009"),
        ("How long may a message be?", "MESSAGE_CODE = 1009"),
        ("What is the default password?", "DEFAULT_PASSWORD = 'hunter'"),
        ("Which environment variable holds the token?", "SHOP_TOKEN=abcd"),
    ],
)
def test_a_comment_another_measure_and_a_secret_tell_no_value(question: str, row: str) -> None:
    asked = query(question)
    assert list(values_in(Place("a.py", 1, "", row), asked, dict.fromkeys(asked.words, 1.0))) == []


def test_what_is_about_a_secret_is_told() -> None:
    assert best("How many tokens are sent at most?", "MAX_TOKENS = 4096").text == "MAX_TOKENS = 4096"
    assert best("What is the default token header?", "TOKEN_HEADER = 'X-A'").text == "TOKEN_HEADER = 'X-A'"


@pytest.mark.parametrize(
    "row",
    [
        "listen_backlog = 2048",
        "BIND_TIMEOUT = 3000",
        "address_space = 4096",
        "listenTimeout: 5000,",
        "max_ports = 100",
        "import_port_timeout = 300",
        "support = 300",
        "viewport = 1024",
        "SERVER_PORT: 70000",
        "port = 0",
        "host, port = host.rsplit(':', 1)",
        "bind_version = 1.25",
        "fn.bind(this, 3000)",
        "// app.listen(3000)",
    ],
)
@pytest.mark.parametrize("question", ["Which port does it use?", "Which port does the server listen on?"])
def test_what_is_no_port(question: str, row: str) -> None:
    asked = query(question)
    assert list(values_in(Place("a.js", 1, "", row), asked, dict.fromkeys(asked.words, 1.0))) == []


def test_how_many_may_wait_is_no_port() -> None:
    asked = query("Which port does it use?")
    assert list(values_in(Place("a.py", 1, "", "sock.listen(128)"), asked, {"port": 1.0})) == []


@pytest.mark.parametrize(
    "row",
    [
        "app.run(port=5000)",
        "const port = process.env.PORT || 3000;",
        "app.listen(3000);",
        "server.listen(process.env.PORT || 8080, '0.0.0.0')",
        'http.ListenAndServe(":8081", nil)',
        'let listener = TcpListener::bind("127.0.0.1:7878");',
        'bind = "127.0.0.1:8000"',
        "EXPOSE 80",
        "PORT=${PORT:-8080}",
        "serverPort: 3000,",
        'p.add_argument("--port", type=int, default=8000)',
        'srv := &http.Server{Addr: ":8080"}',
    ],
)
def test_a_port(row: str) -> None:
    found = best("Which port does it use?", row, "src/a.js")
    assert (found.text, found.coverage) == (row, 1.0)
