"""Walks a codebase and reads the files worth indexing; for every other file it gives the reason.

Never follows a symbolic link, never reads more than the size limit, never raises for a single file.
`ignore` decides which paths git ignores.
"""

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import CodebaseUnreadable
from indexer.files.content.encodings import composed, decode
from indexer.files.content.long_lines import without_long_lines
from indexer.files.content.notebooks import SUFFIX, script_of
from indexer.files.ignore import EXCLUDED_FOLDERS, git_listing
from indexer.files.languages import BY_NAME, CODE, Language, language_of
from indexer.files.mounts import is_pseudo, refuse_pseudo
from indexer.files.opening import IsLink, NotRegular, is_folder, read_below
from indexer.files.repositories import is_repository
from indexer.files.secrets.masking import redact
from indexer.files.secrets.paths import is_secret_path, mask_path
from indexer.types import Skip, SourceFile

SECRET, BINARY, MINIFIED, GENERATED, OVERSIZED = "secret", "binary", "minified", "generated", "oversized"
SYMLINK, UNREADABLE, VANISHED, NAME, SPECIAL = "symlink", "unreadable", "vanished", "name", "special"
EXCLUDED, DATA = "excluded", "data"  # a folder never worth indexing; a data file too large to be a sample
COSTLY = "too costly to parse"  # it crashed the process that parsed it, or took too much time or memory
UNSTORABLE = "unstorable"  # the database refuses something of it
NESTED = "repository of its own"  # a clone, worktree or submodule: another codebase

MAX_BYTES = 1_000_000
_DATA_BYTES = 100_000
_NOTEBOOK = 16  # times as many bytes are read of a notebook, which is small without its outputs

_SNIFF = 8192  # bytes searched for a NUL, and characters for the language
_GENERATED_NAME = re.compile(
    r"(?:package-lock\.json|npm-shrinkwrap\.json|(?:yarn|poetry|pdm|uv|Cargo|Gemfile|composer|Pipfile|flake|mix|pubspec|"
    r"Podfile|bun)\.lock|pnpm-lock\.yaml|go\.sum|.+\.(?:map|lock|lockb|snap))"
)
_MINIFIED_NAME = re.compile(r".+[.-]min\.(?:js|css|mjs)|.+\.bundle\.js")
_BINARY_NAME = re.compile(
    r".+\.(?:png|jpe?g|gif|bmp|ico|webp|tiff?|psd|pdf|zip|gz|bz2|xz|zst|7z|rar|tar|tgz|jar|war|class|pyc|pyo|so|dylib|dll"
    r"|exe|o|a|lib|obj|bin|dat|db|sqlite3?|woff2?|ttf|otf|eot|mp[34]|ogg|wav|flac|avi|mov|mkv|webm|gguf|safetensors|onnx"
    r"|pt|pth|npy|npz|parquet|pkl|wasm|whl|deb|rpm|iso|img)",
    re.IGNORECASE,
)
_NAME_RULES = (
    (_GENERATED_NAME, GENERATED),
    (_MINIFIED_NAME, MINIFIED),
    (_BINARY_NAME, BINARY),
)
_INT64 = 1 << 63  # SQLite's integers end here; so, in ns, does the year 2262


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be worth indexing, by its stat alone."""

    path: str
    size: int  # bytes
    mtime_ns: int  # within 64 bits
    ctime_ns: int = 0  # when the system last noted a change of the file


def walk(root: Path, max_bytes: int = MAX_BYTES, only: Collection[str] | None = None) -> Iterator[Candidate | Skip]:
    """Every path under `root` that is not ignored, sorted; costs one stat per file.

    `only` looks at just these files and what is below these folders, as `ignore.git_listing` does.
    Raises `CodebaseUnreadable` when `root` is missing, not a folder, or cannot be listed.
    """
    try:
        root = root.resolve(strict=True)
        with os.scandir(root):
            pass
    except FileNotFoundError as error:
        raise CodebaseUnreadable(f"there is no folder {root}: check the path") from error
    except NotADirectoryError as error:
        raise CodebaseUnreadable(f"{root} is a file: give the folder it is in") from error
    except (OSError, RuntimeError) as error:
        raise CodebaseUnreadable(f"{root} cannot be read ({error}): check its permissions") from error
    refuse_pseudo(root)
    for path in git_listing(root, only):
        item = _check(root, path, max_bytes)
        if isinstance(item, Skip):
            yield Skip(mask_path(item.path), item.reason)
        elif item is not None:
            yield item


def read(root: Path, candidate: Candidate, max_bytes: int = MAX_BYTES) -> SourceFile | Skip:
    """The candidate decoded, with secrets masked, letters composed and `\\n` line breaks; or why it is not indexed."""
    path = candidate.path
    try:
        data, info = read_below(root, path, _limit(path, max_bytes) + 1)
    except FileNotFoundError:
        return Skip(path, VANISHED)
    except IsLink:
        return Skip(path, SYMLINK)
    except NotRegular:
        return Skip(path, UNREADABLE if is_folder(root / path) else SPECIAL)
    except OSError:
        return Skip(path, UNREADABLE)
    if len(data) > _limit(path, max_bytes):
        return Skip(path, OVERSIZED)
    text = decode(data)
    if text is None:
        return Skip(path, BINARY)
    language, text = _content(path, composed(text.replace("\r\n", "\n").replace("\r", "\n")))
    if len(text) > max_bytes:
        return Skip(path, OVERSIZED)
    readable = without_long_lines(text, language.prose)
    if readable is None:
        return Skip(path, MINIFIED)
    sha = hashlib.sha256(data).hexdigest()
    redacted = redact(readable)
    return SourceFile(path, sha, info.st_size, mtime_ns(info), language.name, redacted.text, redacted.lines)


def _content(path: str, text: str) -> tuple[Language, str]:
    """The language of a file, and the part of its text that is worth indexing."""
    script = script_of(text) if path.lower().endswith(SUFFIX) else None
    if script is None:
        return language_of(path, text[:_SNIFF]), text
    return BY_NAME.get(script[0], CODE), script[1]


def _limit(path: str, max_bytes: int) -> int:
    """The most bytes that are read of a file: outputs of a notebook do not count."""
    return max_bytes * _NOTEBOOK if path.lower().endswith(SUFFIX) else max_bytes


def sha_of(root: Path, path: str, max_bytes: int = MAX_BYTES) -> str | None:
    """sha256 of the bytes on disk, hex; None when the file is missing, no file, cannot be read or is too large."""
    limit = _limit(path, max_bytes)
    try:
        data, _ = read_below(root, path, limit + 1)
    except OSError:
        return None
    return hashlib.sha256(data).hexdigest() if len(data) <= limit else None


def _check(root: Path, path: str, max_bytes: int) -> Candidate | Skip | None:
    """None for a path that git lists but that no longer exists."""
    if not is_unicode(path):
        return Skip(path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"), NAME)
    if not EXCLUDED_FOLDERS.isdisjoint(path.split("/")):
        return Skip(path, EXCLUDED)
    try:
        info = os.lstat(f"{root}/{path}")  # a string: a Path for each file costs more than its stat
    except FileNotFoundError:
        return None
    except OSError:
        return Skip(path, UNREADABLE)
    if stat.S_ISLNK(info.st_mode):
        return Skip(path, SYMLINK)
    if stat.S_ISDIR(info.st_mode):
        return Skip(path, _reason_of_folder(root / path))
    if not stat.S_ISREG(info.st_mode):
        return Skip(path, SPECIAL)
    name = path.rpartition("/")[2]
    if is_secret_path(path):
        return Skip(path, SECRET)
    for rule, reason in _NAME_RULES:
        if rule.fullmatch(name):
            return Skip(path, reason)
    if info.st_size > _limit(path, max_bytes):
        return Skip(path, OVERSIZED)
    if info.st_size > _DATA_BYTES and language_of(path).data:
        return Skip(path, DATA)
    return Candidate(path, info.st_size, mtime_ns(info), info.st_ctime_ns)


def _reason_of_folder(folder: Path) -> str:
    """Why what is in a folder is not listed."""
    if is_repository(folder):
        return NESTED
    return SPECIAL if is_pseudo(folder) else UNREADABLE


def mtime_ns(info: os.stat_result) -> int:
    """When a file was last modified, as far as 64 bits can say."""
    return max(-_INT64, min(info.st_mtime_ns, _INT64 - 1))


def is_unicode(path: str) -> bool:
    """False for a path with undecodable bytes. Such files, and those below such folders, are never indexed."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
