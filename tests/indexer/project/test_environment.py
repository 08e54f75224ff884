"""Where environment variables are read, in several languages."""

from pathlib import Path

import pytest

from indexer.project.environment import environment_variables
from tests.indexer.project.harness import open_tree

FILES = {
    "a.py": 'import os\nA = os.environ["ONE"]\nos.environ["WRITTEN"] = "x"\nB = os.getenv("TWO", "")\n',
    "b.js": "const mode = process.env.THREE || process.env['FOUR'];\n",
    "c.go": 'package c\nvar x = os.Getenv("FIVE")\n',
    "d.rb": "PORT = ENV.fetch('SIX') { 1 }\nENV['ONE']\n",
    "e.rs": 'fn f() { std::env::var("SEVEN"); }\n',
    "f.exs": 'System.fetch_env!("EIGHT")\nSystem.get_env("NINE") || "x"\n',
    "g.rs": '#[arg(long, env = "TEN", default_value = "x")]\nenv: String,\n',
    "config/application.yml": "url: ${ELEVEN:jdbc:x}\nother: ${lower.case}\n",
    ".env.example": "# local\nTWELVE=12\n",
    ".github/workflows/ci.yml": "env: ${THIRTEEN}\n",
    "README.md": 'Use `os.environ["PROSE"]`.\n',
    "tests/test_a.py": 'import os\nos.environ.get("TESTED")\n',
}


def test_each_variable_is_told_once(tmp_path: Path) -> None:
    with open_tree(tmp_path, FILES) as tree:
        found = [(item.symbol, f"{item.path}:{item.line}") for item in environment_variables(tree)]
    assert found == [
        ("TWELVE", ".env.example:2"),
        ("ONE", "a.py:2"),
        ("TWO", "a.py:4"),
        ("THREE", "b.js:1"),
        ("FOUR", "b.js:1"),
        ("FIVE", "c.go:2"),
        ("SIX", "d.rb:1"),
        ("SEVEN", "e.rs:1"),
        ("EIGHT", "f.exs:1"),
        ("NINE", "f.exs:2"),
        ("TEN", "g.rs:1"),
        ("ELEVEN", "config/application.yml:1"),
    ]


def found_in(folder: Path, path: str, text: str) -> list[str]:
    with open_tree(folder, {path: text}) as tree:
        return [item.symbol for item in environment_variables(tree)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", 'import os\ndef f(env = "PROD"):\n    run(env="PROD")\n'),
        ("a.py", 'run(\n    env="PROD",\n)\n'),
        ("a.js", "const env = 'PROD';\nrun({ env: 'PROD' });\n"),
        ("a.rs", 'let env = "PROD";\nCommand::new("x").env("CHILD", "1");\n'),
        ("a.py", "import os\n# os.environ['OLD_ONE']\n#os.getenv('OLD_ONE')\nx = 1  # os.getenv('OLD_ONE')\n"),
        ("a.py", 'import os\n\ndef f():\n    """Reads\n\n    os.environ["OLD_ONE"] no more.\n    """\n'),
        ("a.py", "import os\nprint(\"set os.environ['OLD_ONE'] first\")\n"),
        ("a.py", 'def app(environ, start):\n    return environ["REQUEST_METHOD"], environ.get("HTTP_HOST")\n'),
        ("a.exs", 'Application.get_env("CONFIG")\nApplication.fetch_env!("CONFIG")\n'),
        ("a.js", "getEnvironment('PROD'); process.env.x; import.meta.env.DEV;\n"),
        ("a.py", "import os\nos.environ['lower']\nos.environ['A']\n"),
        ("config/application.yml", "q: select * from ${TABLE} where x\nhint: set ${HOME_DIR} first\n# a: ${OLD_ONE}\n"),
        ("docker-compose.yml", "command: $${ESCAPED}\n"),
    ],
)
def test_what_reads_no_variable(tmp_path: Path, path: str, text: str) -> None:
    assert found_in(tmp_path, path, text) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", 'from os import environ\nx = environ["NAME_1"]\n'),
        ("a.py", "import os\nx = f\"{os.environ['NAME_1']}\"  # why\n"),
        ("a.rs", 'Arg::new("x").env("NAME_1")\n'),
        ("a.rs", '#[arg(\n    long,\n    env = "NAME_1",\n)]\nname: String,\n'),
        ("a.php", "<?php\n$x = env('NAME_1', 'a') . $_ENV['NAME_1'];\n"),
        ("a.go", 'package a\nvar x = getEnvInt("NAME_1", 3)\n'),
        ("a.go", 'package a\nfunc f() { viper.BindEnv("x", "NAME_1") }\n'),
        ("config/application.yml", "url: jdbc:x://${NAME_1:local host}:3306/y # why\n"),
        ("docker-compose.yml", 'ports:\n  - "${NAME_1:-80}:80"\n'),
    ],
)
def test_what_reads_a_variable(tmp_path: Path, path: str, text: str) -> None:
    assert found_in(tmp_path, path, text) == ["NAME_1"]
