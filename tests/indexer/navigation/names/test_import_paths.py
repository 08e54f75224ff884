"""How imports write the path of a file."""

from pathlib import Path

import pytest

from indexer.navigation.names.import_paths import pattern_of, script_pattern_of, words_of
from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask, lines_of

SCRIPTS = {
    "src/ui/index.ts": "export default function toSlug() {}\n",
    "src/ui/a.ts": "import slug from '.';\nslug();\n",
    "src/ui/b.ts": 'import slug from "./";\nslug();\n',
    "src/ui/c.js": "const slug = require('.');\nslug();\n",
    "src/ui/d.ts": "export { default as sluggy } from '.';\n",
    "src/ui/deep/e.ts": "import slug from '..';\nslug();\n",
    "src/ui/deep/er/f.ts": "import slug from '../..';\nslug();\n",
    "src/ui/deep/g.ts": "import slug from '.';\nslug();\n",  # of another folder
    "src/h.ts": "import slug from './ui/';\nslug();\n",
    "src/i.ts": "import slug from './ui/index.js';\nslug();\n",
    "src/j.ts": "import slug from '.';\nslug();\n",  # of another folder
    "src/k.ts": "import { sluggy } from './ui/d';\nsluggy();\n",
}
PYTHON = {
    "shop/__init__.py": "X = 1\n",
    "shop/a.py": "from . import X\n",
    "shop/e.py": "from .import X\n",
    "shop/f.py": "from  .  import X\n",
    "shop/sub/__init__.py": "",
    "shop/sub/b.py": "from .. import X\nfrom . import c\n",
    "d.py": "import shop\nimport os\n",
}


def asked(folder: Path, tree: dict[str, str], question: str) -> list[str]:
    world = World(folder, tree)
    world.refresh()
    return [place for place, _ in lines_of(ask(world.store, question))]


def test_words_and_patterns() -> None:
    assert words_of("src/ui/index.ts") == ["ui", "index"]
    assert words_of("slug.ts") == ["slug"]
    assert script_pattern_of("a/slug.ts").search("import s from './slug.js'")
    assert not script_pattern_of("a/slug.ts").search("import slug from './other'; slug('.')")
    assert script_pattern_of("a/index.ts").search("require('../..')")
    assert not script_pattern_of("a/index.ts").search("'...'")
    assert pattern_of("shop/__init__.py").search("from .. import X")
    assert not pattern_of("shop/till.py").search("from .. import X")


@pytest.mark.process
def test_the_default_export_of_a_folder_is_imported_by_dots(tmp_path: Path) -> None:
    assert asked(tmp_path, SCRIPTS, "who calls toSlug?") == [
        "src/h.ts:2",
        "src/i.ts:2",
        "src/k.ts:2",
        "src/ui/a.ts:2",
        "src/ui/b.ts:2",
        "src/ui/c.js:2",
        "src/ui/deep/e.ts:2",
        "src/ui/deep/er/f.ts:2",
    ]


@pytest.mark.process
@pytest.mark.parametrize(
    ("tree", "question", "expected"),
    [
        (
            SCRIPTS,
            "who imports src/ui/index.ts?",
            [
                "src/h.ts:1",
                "src/i.ts:1",
                "src/ui/a.ts:1",
                "src/ui/b.ts:1",
                "src/ui/c.js:1",
                "src/ui/d.ts:1",
                "src/ui/deep/e.ts:1",
                "src/ui/deep/er/f.ts:1",
            ],
        ),
        (SCRIPTS, "who imports src/ui/d.ts?", ["src/k.ts:1"]),
        (
            PYTHON,
            "who imports shop/__init__.py?",
            ["d.py:1", "shop/a.py:1", "shop/e.py:1", "shop/f.py:1", "shop/sub/b.py:1"],
        ),
    ],
)
def test_a_file_that_stands_for_its_folder(
    tmp_path: Path, tree: dict[str, str], question: str, expected: list[str]
) -> None:
    assert asked(tmp_path, tree, question) == expected
