"""The folders of a project, and its overview."""

from pathlib import Path

from indexer.project.layout import folders, overview
from tests.indexer.project.harness import open_tree


def test_the_largest_folders_come_first(tmp_path: Path) -> None:
    with open_tree(tmp_path) as tree:
        found = [(item.symbol, item.text, item.path) for item in folders(tree)]
    assert found == [
        ("shop/", "6 files: 6 python", "shop/__init__.py"),
        ("scripts/", "1 file: 1 text", "scripts/test"),
        ("tests/", "1 file: 1 python", "tests/test_config.py"),
    ]


def test_the_overview_has_facts_commands_and_folders(tmp_path: Path) -> None:
    with open_tree(tmp_path) as tree:
        found = overview(tree)
    told = {(kind, fact.symbol, fact.text) for kind, fact in found.facts}
    assert found.name == "shopkeep"
    assert found.languages[0] == ("python", 6)
    assert told >= {
        ("purpose", "", "Shopkeep is a small shop for things."),
        ("licence", "project.license", "MIT"),
        ("version", "__version__", '__version__ = "1.4.2"'),
        ("test", "scripts/test", "pytest -q"),
        ("lint", "make lint", "ruff check"),
        ("layout", "shop/", "6 files: 6 python"),
    }


def test_the_overview_names_no_file_that_is_gone(tmp_path: Path) -> None:
    with open_tree(tmp_path) as tree:
        (tmp_path / "code" / "shop/__main__.py").unlink()
        (tmp_path / "code" / "shop/__init__.py").unlink()
        (tmp_path / "code" / "scripts/test").unlink()
        found = overview(tree)
    paths = {fact.path for _, fact in found.facts}
    assert paths.isdisjoint({"shop/__main__.py", "shop/__init__.py", "scripts/test"})
    assert ("layout", "shop/") in {(kind, fact.symbol) for kind, fact in found.facts}
