"""Values are masked in columns that are called secret, and in no others."""

import pytest

from indexer.files.secrets.masking import MARK, mask
from tests.indexer.files.secrets.planted import ALNUM, BASE36, LOWER, Source

SOURCE = Source(21)
PASSWORDS = [SOURCE.password(), SOURCE.text(ALNUM, 12), SOURCE.text(BASE36, 10), "copper-" + SOURCE.text(BASE36, 7)]
TABLES = {
    "markdown": "| user | password |\n|---|:--|\n| bob | {} |\n\nend\n",
    "markdown without edges": "user | API token\n--- | ---\nbob | {}\n",
    "comma": "name,password,age\nbob,{},7\n",
    "comma, quoted": 'name,"password"\n"bob","{}"\n',
    "tab": "id\tpwd\n1\t{}\n",
    "second row": "name;passwd\nann;\nbob;{}\n",
    "sql": "INSERT INTO users (id, name, pwd) VALUES (1, 'bob', '{}');\n",
    "sql, second row": "insert into u (pwd, id)\nvalues (md5('a'), 1), ('{}', 2);\n",
}


@pytest.mark.parametrize("value", PASSWORDS)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_value_below_a_secret_name_is_masked(table: str, value: str) -> None:
    assert mask(table.format(value)) == table.format(MARK)


@pytest.mark.parametrize(
    "text",
    [
        "| name | type |\n|---|---|\n| password | string |\n",
        "| option | token |\n|---|---|\n| `--token` | The token of the user |\n",
        f"name,city\nbob,{SOURCE.text(LOWER, 12)}\n",
        "INSERT INTO users (name, password) VALUES (?, ?), ('bob', NULL);\n",
        "def f(\n    user,\n    password,\n):\n    user, password1\n",
    ],
)
def test_other_columns_stay(text: str) -> None:
    assert mask(text) == text
