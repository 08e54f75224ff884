"""The list of packages and their archives; nothing is downloaded."""

import io
import tarfile
from pathlib import Path

import pytest

from indexer.training.fetch import NotFetched, Package, fetch, is_permissive, licence_of, packages

BENCHMARKS = {
    *("flask", "requests", "pytest", "pylint", "sqlglot", "streamlink", "django", "sympy", "astropy", "ruff"),
    *(
        "aiohttp",
        "click",
        "httpx",
        "starlette",
        "golang-github-spf13-cobra",
        "libgson-java",
        "php-monolog",
        "ruby-sinatra",
    ),
}


def sdist(folder: Path, licence: str) -> Path:
    text = f"Metadata-Version: 2.4\nName: Some.Thing\nVersion: 1.0\nLicense-Expression: {licence}\n\nLicense: none\n"
    archive = folder / "some_thing-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("some_thing-1.0/PKG-INFO")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    return archive


def test_the_list_has_no_benchmark_and_no_package_twice() -> None:
    found = packages()
    names = [package.name for package in found]
    assert BENCHMARKS.isdisjoint(names)
    assert len(names) == len(set(names))
    assert {"cryptography", "tornado"} <= {package.name for package in found if package.held_out}


@pytest.mark.parametrize(
    ("line", "reason"),
    [('flask = ["1", "MIT", "sdist"]', "benchmark"), ('a = ["1", "GPL-3.0", "sdist"]', "permissive")],
)
def test_a_package_that_may_not_be_trained_on_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "list.toml").write_text(f'excluded = ["flask"]\n[train]\n{line}\n[debian]\n[held_out]\n')
    with pytest.raises(NotFetched, match=reason):
        packages(tmp_path / "list.toml")


def test_licences() -> None:
    permissive = ["MIT", "BSD-3-Clause", "Apache Software License", "MIT OR Apache-2.0", "Zlib", "MIT-CMU"]
    assert all(map(is_permissive, permissive))
    assert not any(map(is_permissive, ["", "LGPL-3.0", "Apache-2.0 OR GPL-2.0", "MPL-2.0 AND MIT", "Proprietary"]))


def test_an_archive_in_the_folder_is_used_if_it_agrees_with_the_list(tmp_path: Path) -> None:
    archive = sdist(tmp_path, "MIT")
    assert licence_of(archive) == "MIT"
    assert fetch(Package("some-thing", "1.0", "MIT", "sdist", held_out=False), tmp_path) == archive
    with pytest.raises(NotFetched, match="has the licence 'MIT' in its metadata, 'ISC' in the list"):
        fetch(Package("some-thing", "1.0", "ISC", "sdist", held_out=False), tmp_path)


def test_a_source_package_of_debian_is_found_with_its_licence(tmp_path: Path) -> None:
    archive = tmp_path / "jansson_2.14.orig.tar.gz"
    archive.touch()
    (tmp_path / "jansson_2.14.orig.tar.gz.asc").touch()
    text = "Format: x\n\nFiles: *\nCopyright: 2009 A\nLicense: Expat\n\nFiles: debian/*\nLicense: GPL-2\n"
    with tarfile.open(tmp_path / "jansson_2.14-2.debian.tar.xz", "w:xz") as tar:
        member = tarfile.TarInfo("debian/copyright")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    assert fetch(Package("jansson", "2.14-2", "Expat", "debian", held_out=False), tmp_path) == archive
    with pytest.raises(NotFetched, match="has the licence 'Expat' in its metadata, 'MIT' in the list"):
        fetch(Package("jansson", "2.14-2", "MIT", "debian", held_out=False), tmp_path)
