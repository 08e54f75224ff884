"""Where environment variables are read, in several languages."""

from pathlib import Path

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
