"""The names that a line gives a value, in several languages, and how certain the value is."""

import pytest

from indexer.project.assignments import Assignment, assignments, assignments_at


@pytest.mark.parametrize(
    ("row", "name", "value", "certainty"),
    [
        ("DEFAULT_MAX = 20", "DEFAULT_MAX", "20", 1.0),
        ("    max_age: int | None = 14 * 24,  # two weeks", "max_age", "14 * 24", 1.0),
        ("const KEEP_ALIVE: Duration = Duration::from_secs(10);", "KEEP_ALIVE", "Duration::from_secs(10)", 0.95),
        ("this.set('etag', 'weak');", "etag", "'weak'", 1.0),
        ("  set :port, 4567", "port", "4567", 1.0),
        ("#define MAX_SIZE 10", "MAX_SIZE", "10", 1.0),
        ("num_jobs=${JOBS:-1}", "JOBS", "1", 1.0),
        ("app.enable('x-powered-by')", "x-powered-by", "enable", 0.5),
        ("limit := 5 * time.Second", "limit", "5 * time.Second", 1.0),
        ("\tvar size int = 7", "size", "7", 1.0),
        ("  private static final int LIMIT = 9;", "LIMIT", "9", 1.0),
        ("'timeout' => 30,", "timeout", "30", 1.0),
        ("$level = Level::Debug", "$level", "Level::Debug", 1.0),
        ("name: other", "name", "other", 0.5),
        ("return size := 3", "size", "3", 0.6),
    ],
)
def test_a_line_gives_a_name_a_value(row: str, name: str, value: str, certainty: float) -> None:
    found = {item.name: (item.value.strip(), round(item.certainty, 2)) for item in _surest_last(row)}
    assert found[name] == (value, certainty)


def _surest_last(row: str) -> list[Assignment]:
    return sorted(assignments(row), key=lambda item: item.certainty)


def test_all_names_of_a_line_are_found() -> None:
    row = "DEFAULT = Limits(most=100, alive=20)"
    assert [(item.name, item.value) for item in assignments(row)] == [
        ("DEFAULT", "Limits(most=100, alive=20)"),
        ("most", "100"),
        ("alive", "20"),
    ]


@pytest.mark.parametrize("row", ["if a == 3:", "a != 3", "a <= 3", "f(3)", ""])
def test_a_comparison_gives_no_value(row: str) -> None:
    assert not [item for item in assignments(row) if item.value == "3"]


def test_variables_need_no_value() -> None:
    assert [item.name for item in assignments('os.getenv("SHOP_TOKEN", default)', variables=True)] == ["SHOP_TOKEN"]


def test_a_name_may_be_of_any_script() -> None:
    assert [(item.name, item.value) for item in assignments("超时 = 30")] == [("超时", "30")]


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ('HELP = "set timeout=30 to wait"', ["HELP"]),
        ("run(b'timeout=30')", []),
        ("size = 5  # timeout = 30", ["size"]),
        ("size = 5; // timeout: 30", ["size"]),
        ("\"timeout\": 30, 'size': 5", ["timeout", "size"]),
        ("url = 'http://x/#a'; size = 5", ["url", "size"]),
    ],
)
def test_nothing_inside_a_text_or_a_comment_has_a_value(row: str, names: list[str]) -> None:
    assert list(dict.fromkeys(item.name for item in assignments(row))) == names


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ('p.add_argument("--timeout", type=int)\np.add_argument("count", default=5)', "count"),
        ('p.add_argument("--timeout", type=int); p.add_argument(COUNT, default=5)', ""),
        ('@option(\n    "-t",\n    "--timeout",  # not (\n    help=f("--x"),\n    default=5,\n)', "timeout"),
        ('p.option("--timeout")\nrun(default=5)', ""),
        ("timeout: int = Field(\n    ge=1,\n    default=5,\n)", "timeout"),
        ("props: {\n  timeout: {\n    type: Number,\n    default: 5,\n  },\n}", "timeout"),
        (".option('timeout', {\n  default: 5,\n})", "timeout"),
        ('p.add_argument("--timeout")\ndefault = 5', "Around"),
    ],
)
def test_a_default_belongs_to_the_call_around_it(code: str, name: str) -> None:
    rows = code.split("\n")
    found = [item.name for at in range(len(rows)) for item, _ in assignments_at(rows, at, "a.Around")]
    assert f"default {name}" in found
    assert [item for item in found if item.startswith("default ")] == [f"default {name}"]
