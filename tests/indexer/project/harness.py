"""A small project with a manifest, guides, scripts and settings, indexed, to ask about."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.navigation.working_tree import WorkingTree
from indexer.project.tree import ProjectTree
from tests.indexer.harness import World

FILES = {
    "pyproject.toml": (
        '[project]\nname = "shopkeep"\ndescription = "A shop."\nlicense = "MIT"\nrequires-python = ">=3.10"\n'
        'dependencies = [\n  "httpx>=0.27",\n  "rich",\n]\nauthors = [{ name = "Ada" }]\n\n'
        '[project.scripts]\nshop = "shop.cli:main"\n\n[project.urls]\nDocumentation = "https://shop.example"\n\n'
        '[build-system]\nbuild-backend = "hatchling.build"\n'
    ),
    "README.md": (
        "# Shopkeep\n\n[![badge](https://shields.io/x)](x)\n\nShopkeep is a [small](https://x) shop for **things**.\n\n"
        "It needs Python 3.10 or newer.\n\n## Installation\n\n```sh\n$ pip install shopkeep\n```\n\n## License\n\nMIT\n"
    ),
    "LICENSE": "Copyright (c) Ada\n\nPermission is hereby granted, free of charge, to any person\n",
    "Makefile": "lint:\n\truff check\n\ntest-all: lint\n\tpytest\n",
    "scripts/test": "#!/bin/sh\nset -e\npytest -q\n",
    ".github/workflows/ci.yml": (
        "jobs:\n  test:\n    runs-on: ${{ matrix.os }}\n    strategy:\n      matrix:\n        os: [ubuntu, windows]\n"
        "        python-version: ['3.10', '3.12']\n    steps:\n      - run: pip install .\n      - run: scripts/test\n"
    ),
    "shop/__init__.py": '__version__ = "1.4.2"\n',
    "shop/config.py": (
        "import os\n\nDEFAULT_TIMEOUT = 30.0\nMAX_ITEMS = 200  # in a cart\nLEVELS = ('debug', 'info', 'error')\n\n"
        'TOKEN = os.environ.get("SHOP_TOKEN")\n'
    ),
    "shop/session.py": (
        "class SessionMiddleware:\n    def __init__(\n        self,\n        cookie: str = 'shop_session',\n"
        "        max_age: int | None = 14 * 24 * 60 * 60,\n    ) -> None:\n        self.max_age = max_age\n"
    ),
    "shop/export.py": (
        "class CsvExporter:\n    pass\n\n\nclass JsonExporter:\n    pass\n\n\nclass HtmlExporter:\n    pass\n"
    ),
    "shop/cli.py": "def main():\n    print('hello')\n",
    "shop/__main__.py": "from shop.cli import main\n\nmain()\n",
    "tests/test_config.py": "DEFAULT_TIMEOUT = 1\n",
}


def indexed(folder: Path, files: dict[str, str] | None = None) -> World:
    world = World(folder, FILES if files is None else files)
    world.refresh()
    return world


@contextmanager
def open_tree(folder: Path, files: dict[str, str] | None = None) -> Iterator[ProjectTree]:
    store = indexed(folder, files).store
    with store.read() as snapshot:
        yield ProjectTree(WorkingTree(store.root, snapshot), snapshot, "shopkeep")
