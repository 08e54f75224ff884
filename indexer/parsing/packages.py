"""How code is imported: the names that manifests and `package` lines give to folders and files. Pure text.

A manifest that cannot be read names nothing.
"""

import json
import posixpath
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_MOST = 64_000  # characters of a manifest for a compiler that are read
_STRING = r'("(?:[^"\\]|\\.?)*+"?)'  # one that is not closed ends with the text: each character is read once
_COMMENTS = re.compile(_STRING + r"|//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)  # and, to keep them, strings
_LAST_COMMAS = re.compile(_STRING + r"|,(?=\s*[}\]])", re.DOTALL)
_SCRIPT = re.compile(r"(?:/index)?\.(?:d\.)?[cm]?[jt]sx?$")
_RUST_OWN = frozenset({"std", "core", "alloc", "proc_macro"})
_NODE_OWN = frozenset({
    "assert", "buffer", "child_process", "cluster", "crypto", "dgram", "dns", "events", "fs", "http", "http2",
    "https", "module", "net", "os", "path", "perf_hooks", "process", "querystring", "readline", "stream",
    "string_decoder", "timers", "tls", "tty", "url", "util", "v8", "vm", "worker_threads", "zlib",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one manifest says."""

    names: dict[str, str] = field(default_factory=dict)  # name of a module or a prefix -> folder below the manifest's
    dependencies: frozenset[str] = frozenset()  # modules from elsewhere


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """How the modules of some languages are named."""

    manifest: str  # file name
    separator: str
    read: Callable[[str], Manifest]
    is_closed: bool  # whatever no manifest names is from elsewhere
    also: tuple[str, ...] = ()  # other files with names of modules, in the form of `tsconfig.json`


def _go_mod(text: str) -> Manifest:
    found = re.search(r"^[ \t]*module\s+\"?([^\s\"]+)", text, re.MULTILINE)
    return Manifest({found[1]: ""} if found else {})


def _cargo_toml(text: str) -> Manifest:
    content = _toml(text)
    package, library = _table(content, "package"), _table(content, "lib")
    name = library.get("name") or package.get("name")
    names = {_crate(name): ""} if isinstance(name, str) else {}
    tables = [_table(content, f"{kind}dependencies") for kind in ("", "dev-", "build-")]
    tables.append(_table(_table(content, "workspace"), "dependencies"))
    elsewhere = {_crate(key) for table in tables for key, value in table.items() if not _is_beside(value)}
    return Manifest(names, _RUST_OWN | elsewhere)


def _package_json(text: str) -> Manifest:
    content = _json(text)
    name = content.get("name")
    kinds = ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies")
    elsewhere = {key for kind in kinds for key in _table(content, kind)}
    own = _NODE_OWN | {f"node:{module}" for module in _NODE_OWN}
    names = {name: ""} if isinstance(name, str) and name else {}
    for alias, place in _table(content, "imports").items():  # `"#util": "./src/util.js"`
        names.update(filter(None, [_alias(alias, place)]))
    return Manifest(names, own | elsewhere)


def _alias(name: str, place: Any, base: str = "") -> tuple[str, str] | None:
    """The name of a folder or a file, and its place without suffix: `@/*` for `src/*` -> (@, src). None if unclear."""
    if not isinstance(place, str) or name.count("*") != place.count("*"):
        return None
    (prefix, star, rest), folder = name.partition("*"), _SCRIPT.sub("", place)
    if not prefix or rest or star != folder[len(folder) - len(star) :]:
        return None
    return prefix.rstrip("/"), posixpath.join(base, folder.removesuffix("*")).rstrip("/")


def compiler_paths(text: str) -> list[tuple[str, str]]:
    """The names that a `tsconfig.json` gives to folders and files below it: `"@/*": ["src/*"]` -> (@, src)."""
    if len(text) > _MOST:
        return []
    plain = _COMMENTS.sub(lambda found: found[1] or "", text)
    options = _table(_json(_LAST_COMMAS.sub(lambda found: found[1] or "", plain)), "compilerOptions")
    base = options.get("baseUrl", "")
    if not isinstance(base, str):
        return []
    given = ((name, places) for name, places in _table(options, "paths").items() if isinstance(places, list))
    return list(filter(None, (_alias(name, place, base) for name, places in given for place in places)))


def _composer_json(text: str) -> Manifest:
    content = _json(text)
    names = {}
    for kind in ("autoload", "autoload-dev"):
        for prefix, folders in _table(_table(content, kind), "psr-4").items():
            folder = folders[0] if isinstance(folders, list) and folders else folders
            if isinstance(folder, str):
                names[prefix.rstrip("\\")] = folder.removeprefix("./").rstrip("/")
    return Manifest(names)


ECOSYSTEMS = {
    "go": Ecosystem("go.mod", "/", _go_mod, is_closed=True),
    "rust": Ecosystem("Cargo.toml", "::", _cargo_toml, is_closed=False),
    "php": Ecosystem("composer.json", "\\", _composer_json, is_closed=False),
} | dict.fromkeys(
    ("javascript", "typescript", "tsx", "vue", "svelte", "astro"),
    Ecosystem(
        "package.json",
        "/",
        _package_json,
        is_closed=False,
        also=("tsconfig.json", "jsconfig.json", "tsconfig.base.json", "tsconfig.app.json"),
    ),
)

_PACKAGE_LINES = {
    "go": re.compile(r"^package\s+(\w+)", re.MULTILINE),  # a name for the folder: imports say the folder
    "java": re.compile(r"^[ \t]*package\s+([\w.]+)\s*;", re.MULTILINE),
    "kotlin": re.compile(r"^[ \t]*package\s+([\w.`]+)", re.MULTILINE),
    "scala": re.compile(r"^[ \t]*package\s+([\w.]+)", re.MULTILINE),
    "php": re.compile(r"^[ \t]*(?:<\?php\s+)?namespace\s+([\w\\]+)\s*[;{]", re.MULTILINE),
}


def is_imported_by_line(language: str) -> bool:
    """Whether imports of a language mean the packages that files say they are in."""
    return language in _PACKAGE_LINES and language != "go"


def package_of(text: str, language: str) -> str:
    """The package that a file says it is in, its parts joined by dots; "" for none."""
    found = _PACKAGE_LINES[language].search(text) if language in _PACKAGE_LINES else None
    return found[1].replace("\\", ".").replace("`", "") if found else ""


def _crate(name: str) -> str:
    return name.replace("-", "_")


def _is_beside(dependency: Any) -> bool:
    """Whether a dependency of Cargo is a folder of this codebase, or one that the workspace names."""
    return isinstance(dependency, dict) and bool({"path", "workspace"} & dependency.keys())


def _table(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _json(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
