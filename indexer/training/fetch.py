"""The pinned packages of the training set, and their download by pip or apt-get, without running their code.

Reads nothing of an archive but its metadata.
"""

import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import IndexerError

LIST = Path(__file__).parent / "packages.toml"
DEBIAN = "debian"  # the form of a source package of Debian

_PERMISSIVE = re.compile(
    r"\b(?:MIT|Expat|X11|MIT-CMU|BSD|0BSD|Apache|ISC|PSF|Python Software|HPND|Zlib|Unlicense)\b", re.IGNORECASE
)
_DEBIAN_LICENCE = re.compile(r"^Files: *\*.*?^License: *(.+?)$", re.MULTILINE | re.DOTALL)
_COPYLEFT = re.compile(r"GPL|GNU|MPL|Mozilla|EPL|CDDL|SSPL|BUSL", re.IGNORECASE)
# pip runs an sdist's build backend to get its metadata, which would compile or fail. A stub replaces these backends.
_BACKENDS = (
    *("setuptools.build_meta", "hatchling.build", "flit_core.buildapi", "flit_scm", "poetry.core.masonry.api"),
    *("pdm.backend", "uv_build", "pbr.build", "maturin", "mesonpy", "sipbuild.api"),
    *("scikit_build_core.build", "scikit_build_core.setuptools.build_meta"),
)
# apt's own lists may lack source packages: these settings make it use lists of its own below a folder.
_APT_FOLDERS = {"Dir::Etc::sourceparts": "parts", "Dir::State::lists": "lists", "Dir::Cache": "cache"}
_DEBIAN_SOURCES = """Types: deb-src
URIs: http://deb.debian.org/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
_STUB = """
from pathlib import Path

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    text = Path("PKG-INFO").read_text("utf-8", "replace")
    head = dict(line.split(": ", 1) for line in text.split("\\n\\n")[0].splitlines() if ": " in line)
    folder = Path(metadata_directory) / f"{head['Name'].replace('-', '_')}-{head['Version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(text, "utf-8")
    (folder / "WHEEL").write_text("Wheel-Version: 1.0\\n")
    return folder.name
"""


class NotFetched(IndexerError):
    """A package could not be downloaded, or differs from its entry in the list."""


@dataclass(frozen=True, slots=True)
class Package:
    """One line of the list. Held-out packages are for evaluation only."""

    name: str
    version: str
    licence: str  # as in its metadata
    form: str  # sdist, wheel or debian
    held_out: bool


def packages(file: Path = LIST) -> list[Package]:
    """The list, by name. Raises `NotFetched` for a package of a benchmark, or one without a permissive licence."""
    table = tomllib.loads(file.read_text("utf-8"))
    excluded = set(table["excluded"])
    found = []
    for part, held_out in (("train", False), (DEBIAN, False), ("held_out", True)):
        for name, (version, licence, *forms) in table[part].items():
            if name in excluded:
                raise NotFetched(f"{name} is a repository of a benchmark: remove it from {file.name}")
            if not is_permissive(licence):
                raise NotFetched(
                    f"{name} has the licence {licence}, which is not permissive: remove it from {file.name}"
                )
            found.append(Package(name, version, licence, forms[0] if forms else DEBIAN, held_out))
    return sorted(found, key=lambda package: package.name)


def is_permissive(licence: str) -> bool:
    """Whether a licence, as package metadata names it, allows use with attribution only."""
    return bool(_PERMISSIVE.search(licence)) and not _COPYLEFT.search(licence)


def fetch(package: Package, folder: Path) -> Path:
    """The package's archive in `folder`, downloaded unless it is there. Raises `NotFetched`."""
    archive = _archive(package, folder)
    if archive is None:
        (_download_debian if package.form == DEBIAN else _download)(package, folder)
        archive = _archive(package, folder)
    if archive is None:
        raise NotFetched(f"no {package.form} of {package.name} {package.version} was downloaded")
    licence = _debian_licence(package, folder) if package.form == DEBIAN else licence_of(archive)
    if licence != package.licence:
        name = f"{package.name} {package.version}"
        raise NotFetched(f"{name} has the licence {licence!r} in its metadata, {package.licence!r} in the list")
    return archive


def licence_of(archive: Path) -> str:
    """The licence in the metadata of an sdist or wheel: the expression, else the classifiers, else the free text."""
    head = _metadata(archive).split("\n\n")[0].splitlines()
    lines = [line.split(": ", 1) for line in head if ": " in line]
    expression = next((value for key, value in lines if key == "License-Expression"), "")
    classifiers = [value.split(" :: ")[-1] for key, value in lines if key == "Classifier" and "License ::" in value]
    text = next((value for key, value in lines if key == "License"), "")
    return (expression or ", ".join(classifiers) or text).strip()


def _download(package: Package, folder: Path) -> None:
    options = ["--only-binary", ":all:"]
    if package.form == "sdist":
        options = ["--no-binary", ":all:", "--no-build-isolation", "--use-pep517"]
    requirement = f"{package.name}=={package.version}"
    with tempfile.TemporaryDirectory() as stubs:
        _write_backends(Path(stubs))
        path = [f"PYTHONPATH={stubs}"] if package.form == "sdist" else []
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
        _run(["env", *path, *pip, *options, requirement], folder, package)


def _download_debian(package: Package, folder: Path) -> None:
    """The archives of the authors and of Debian. Lists of source packages are kept in `folder`."""
    apt = folder / "apt"
    for part in ("parts", "lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    options = [f"-o{name}={apt / part}" for name, part in _APT_FOLDERS.items()]
    command = ["apt-get", "-qq", "-oDir::Etc::sourcelist=/dev/null", *options]
    if not list((apt / "lists").glob("*Sources*")):
        (apt / "parts" / "sources.sources").write_text(_DEBIAN_SOURCES)
        _run([*command, "update"], folder, package)
    _run([*command, "source", "--download-only", f"{package.name}={package.version}"], folder, package)


def _run(command: list[str], folder: Path, package: Package) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotFetched(f"{command[0]} cannot download {package.name} {package.version}: {done.stderr.strip()[-300:]}")


def _write_backends(folder: Path) -> None:
    (folder / "stub.py").write_text(_STUB)
    for backend in _BACKENDS:
        *parents, last = backend.split(".")
        inner = folder.joinpath(*parents)
        inner.mkdir(parents=True, exist_ok=True)
        (inner / f"{last}.py").write_text("from stub import *\n__legacy__ = __import__('stub')\n")
    (folder / "setuptools" / "__init__.py").write_text("")


def _archive(package: Package, folder: Path) -> Path | None:
    """The package's archive in `folder`; spellings of its name are normalised as by PyPI."""
    if package.form == DEBIAN:
        archives = sorted(folder.glob(f"{package.name}_{package.version.rpartition('-')[0]}.orig.tar.*"))
        return next((path for path in archives if path.suffix != ".asc"), None)
    suffix = ".whl" if package.form == "wheel" else ".tar.gz"
    start = _normalised(f"{package.name}-{package.version}")
    for path in sorted(folder.iterdir()):
        if path.name.endswith(suffix) and f"{_normalised(path.name.removesuffix(suffix))}-".startswith(f"{start}-"):
            return path
    return None


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _debian_licence(package: Package, folder: Path) -> str:
    """Of all files that have no licence of their own, as Debian's copyright file names it."""
    for path in folder.glob(f"{package.name}_{package.version}.debian.tar.*"):
        with tarfile.open(path) as tar:
            stream = tar.extractfile("debian/copyright")
            text = stream.read().decode("utf-8", "replace") if stream else ""
        found = _DEBIAN_LICENCE.search(text)
        return found[1].strip() if found else ""
    return ""


def _metadata(archive: Path) -> str:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as folder:
            name = next(name for name in folder.namelist() if name.endswith(".dist-info/METADATA"))
            return folder.read(name).decode("utf-8", "replace")
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.count("/") == 1 and member.name.endswith("/PKG-INFO"):
                stream = tar.extractfile(member)
                return stream.read().decode("utf-8", "replace") if stream else ""
    return ""
