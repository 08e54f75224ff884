"""One table of a TOML file comes and goes; all other characters stay."""

import pytest

from backend.cli.editors import toml_tables
from backend.cli.editors.toml_tables import NotToml

PATH = ("servers", "lantern")
VALUES = {"command": 'C:\\"x"\x7f', "args": ["mcp"], "seconds": 60}
TEXTS = [
    "a = 1",
    "a = 1\n",
    "a = 1\n\n",
    "\n",
    "# comment\n",
    "a = 1\r\n",
    '[servers.foo]\ncommand = "x"\n# end',
    '[x]\ny = """\n[z]\n"""\n',
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_table_comes_and_goes(text: str) -> None:
    installed = toml_tables.insert(text, PATH, VALUES)
    assert toml_tables.parse(installed)["servers"]["lantern"] == VALUES
    assert installed.startswith(text)
    assert toml_tables.insert(installed, PATH, VALUES) == installed
    assert toml_tables.remove(installed, PATH) == text


@pytest.mark.parametrize("header", ["[servers.lantern]", '[ "servers" . lantern ]  # c', "[servers.'lantern']"])
def test_what_others_wrote_behind_it_stays(header: str) -> None:
    text = f'a = 1\n\n{header}\ncommand = "x"\n\n[servers.lantern.env]\nA = "b"\n\n# of x\n[x]\ny = 1\n'
    assert toml_tables.remove(text, PATH) == "a = 1\n\n# of x\n[x]\ny = 1\n"
    assert toml_tables.remove(text.replace("lantern", "lantern2"), PATH) == text.replace("lantern", "lantern2")


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(NotToml, match="line 1"):
        toml_tables.parse("a = = 1")
