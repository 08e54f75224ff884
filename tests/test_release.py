"""What a release states about itself: one version, the licence, the notices of what comes with it."""

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"  # www.apache.org/licenses/LICENSE-2.0.txt


def project() -> dict[str, Any]:
    metadata: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return metadata


def test_the_newest_version_of_the_changelog_is_the_packages() -> None:
    headings = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert headings[0] == "Unreleased"
    assert headings[1] == project()["version"]


def test_the_licence_is_apache_2_word_for_word() -> None:
    assert project()["license"] == "Apache-2.0"
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2


def test_the_notice_names_every_bundled_file_of_weights() -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")
    weights = [path for path in (ROOT / "indexer").rglob("*") if path.suffix in (".safetensors", ".onnx", ".gguf")]
    assert len(weights) >= 2
    for path in weights:
        assert path.relative_to(ROOT).as_posix() in notice
