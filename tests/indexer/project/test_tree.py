"""The files of a project by role, nearest first, and what it is called."""

from pathlib import Path

from tests.indexer.project.harness import open_tree

MEMBERS = {
    "Cargo.toml": "[workspace]\n",
    "macros/Cargo.toml": '[package]\nname = "macros"\n',
    "shopkeep/Cargo.toml": '[package]\nname = "shopkeep"\n',
    "tests/Cargo.toml": "[package]\n",
    "src/version.rs": 'pub const VERSION: &str = "1.0";\n',
    "src/old.rs": "impl Other {\n  const VERSION: u8 = 2;\n}\n",
}


def test_the_member_with_the_name_of_the_project_comes_before_the_others(tmp_path: Path) -> None:
    with open_tree(tmp_path, MEMBERS) as tree:
        assert tree.of_role("manifest") == ["Cargo.toml", "shopkeep/Cargo.toml", "macros/Cargo.toml"]
        assert tree.names() == {"shopkeep"}
        assert [item.path for item in tree.versions(["VERSION"])] == ["src/version.rs"]


def test_entries_and_sections_are_read_from_disk(tmp_path: Path) -> None:
    with open_tree(tmp_path) as tree:
        assert ("pyproject.toml", "MIT") in {
            (p, e.value) for p, e in tree.entries_of("manifest") if e.name == "license"
        }
        assert [section.heading for section in tree.sections("README.md")] == ["Shopkeep", "Installation", "License"]
        assert tree.text("missing.md") == ""


def test_only_the_manifests_own_names_are_those_of_the_project(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "web-shop"\n\n[[tool.uv.index]]\nname = "mirror"\n',
        "package.json": '{"name": "@ada/shop", "contributors": [{"name": "Bob"}]}',
        "pom.xml": (
            "<project><artifactId>shop-core</artifactId><dependencies><dependency><artifactId>junit</artifactId>"
            "</dependency></dependencies></project>"
        ),
    }
    with open_tree(tmp_path, files) as tree:
        assert tree.names() == {"shopkeep", "web-shop", "@ada/shop", "shop", "shop-core"}
