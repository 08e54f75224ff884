"""Notebooks: code as it is, text as comments, lines as in the file, no outputs."""

import json

import pytest

from indexer.files.content.notebooks import script_of

Cell = dict[str, object]


def notebook(*cells: Cell, language: str = "python", indent: int | None = 1) -> str:
    return json.dumps({"cells": cells, "metadata": {"kernelspec": {"language": language}}}, indent=indent)


def cell(kind: str, *source: str) -> Cell:
    outputs = [{"data": {"image/png": "iVBORw0KGgo" * 50, "text/plain": ["secret = 'of a run'\n"]}}]
    return {"cell_type": kind, "outputs": outputs, "source": list(source)}


def test_each_line_is_where_it_is_in_the_file() -> None:
    text = notebook(
        cell("markdown", "# Churn\n", "Who leaves."), cell("code", "def leave(x):\n", '    """A \\"b\\"."""')
    )
    found = script_of(text)
    assert found is not None
    language, script = found
    shown = {number: line for number, line in enumerate(script.split("\n")) if line}
    file = text.split("\n")
    assert language == "python"
    assert list(shown.values()) == ["# # Churn", "# Who leaves.", "def leave(x):", '    """A \\"b\\"."""']
    assert [json.loads(file[number].rstrip(",")).removesuffix("\n") for number in shown] == [
        "# Churn",
        "Who leaves.",
        "def leave(x):",
        '    """A \\"b\\"."""',
    ]


def test_cells_that_are_one_string_follow_each_other() -> None:
    cells: list[Cell] = [{"cell_type": "code", "source": "a = 1\nb = 2\n"}, {"cell_type": "code", "source": "c = 3"}]
    assert script_of(notebook(*cells, indent=None)) == ("python", "a = 1\nb = 2\nc = 3\n")


def test_what_ipython_adds_is_a_comment() -> None:
    cells = [
        cell("code", "%matplotlib inline\n", "x = 1 \\\n", "  % 2\n", "!ls"),
        cell("code", "%%time\n", "f()"),
        cell("code", "%%bash\n", "ls | wc\n"),
        cell("raw", "left out"),
    ]
    found = script_of(notebook(*cells))
    assert found is not None
    assert [line for line in found[1].split("\n") if line] == [
        "# %matplotlib inline",
        "x = 1 \\",
        "  % 2",
        "# !ls",
        "# %%time",
        "f()",
        "# %%bash",
        "# ls | wc",
    ]


@pytest.mark.parametrize(
    ("kernel", "language", "comment"),
    [("R", "r", "# Text"), ("C++17", "cpp", "// Text"), ("scala", "scala", "// Text"), ("julia", "julia", "# Text")],
)
def test_the_kernel_says_the_language(kernel: str, language: str, comment: str) -> None:
    found = script_of(notebook(cell("markdown", "Text"), language=kernel))
    assert found is not None
    assert (found[0], found[1].strip()) == (language, comment)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"cells": 1}', '{"cells": [{}]}', '{"cells": ["a"]}', "[" * 100_000]
)
def test_what_is_no_notebook(text: str) -> None:
    assert script_of(text) is None
