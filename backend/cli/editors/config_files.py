"""The entry of Lantern in the configuration file of a client: added, taken out, and written. Prints nothing.

An edit is made in the text, and checked by parsing the text before and after it.
"""

import copy
import difflib
import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.cli.editors import jsonc, toml_tables
from backend.cli.editors.jsonc import NotJson
from backend.cli.editors.mcp_clients import SERVER, McpClient
from backend.cli.editors.toml_tables import NotToml
from backend.cli.errors import CommandFailed


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """What a file will hold instead. None: there is no file."""

    client: McpClient
    file: Path
    before: str | None
    after: str | None

    @property
    def diff(self) -> str:
        old, new = ((text or "").splitlines(keepends=True) for text in (self.before, self.after))
        name = str(self.file)
        lines = difflib.unified_diff(old, new, name if old else "no file", name if new else "no file")
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def change_of(client: McpClient, file: Path, command: str | None) -> ConfigChange:
    """The change that adds the entry, or with no command takes it out. Raises `CommandFailed` where it cannot."""
    before = _read(file)
    entry = None if command is None else client.entry(command)
    edited = _edited_toml if client.is_toml else _edited_json
    try:
        return ConfigChange(client, file, before, edited(client, before, entry))
    except (NotJson, NotToml) as problem:
        raise CommandFailed(f"{client.title}: {file} is not changed: {problem}") from None


def block(client: McpClient, command: str) -> str:
    """The entry as text to paste."""
    if client.is_toml:
        return toml_tables.table((*client.path, SERVER), client.entry(command))
    return json.dumps({client.path[0]: {SERVER: client.entry(command)}}, indent=2)


def write(change: ConfigChange) -> None:
    """Replaces the file behind all links at once, or removes it; keeps its mode.

    Raises `CommandFailed` if it has changed since it was read.
    """
    target = change.file.resolve()
    if _read(target) != change.before:
        raise CommandFailed(f"{target} has just been changed by another program: try again")
    if change.after is None:
        return target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(change.after.encode())
            if change.before is not None:
                os.fchmod(descriptor, target.stat().st_mode & 0o7777)
            stream.flush()
            os.fsync(descriptor)
        draft.replace(target)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    return None


def _edited_json(client: McpClient, before: str | None, entry: dict[str, Any] | None) -> str | None:
    if before is None or not before.strip("\ufeff \t\r\n"):
        if entry is None:
            return before
        made = jsonc.created(client.path, SERVER, entry)
        return f"{made}\n" if before is None else f"{before}{made}"
    value = jsonc.parse(before).value
    path = client.other_path if _has_servers(value, client.other_path) else client.path
    if entry is not None:
        after = jsonc.insert(before, path, SERVER, entry)
        _require(jsonc.parse(after).value == _with(value, path, entry))
        return after
    old = _at(value, path).get(SERVER)
    made = jsonc.created(path, SERVER, old)
    if before == f"{made}\n":  # the whole file came with the entry
        return None
    if before.endswith(made) and not before.removesuffix(made).strip("\ufeff \t\r\n"):
        return before.removesuffix(made)
    after = jsonc.remove(before, path, SERVER)
    _require_without(jsonc.parse(after).value, value, path)
    return after


def _edited_toml(client: McpClient, before: str | None, entry: dict[str, Any] | None) -> str | None:
    path, text = (*client.path, SERVER), before or ""
    value = toml_tables.parse(text)
    if entry is not None:
        after = toml_tables.insert(text, path, entry)
        _require(toml_tables.parse(after) == _with(value, client.path, entry))
        return after
    if not toml_tables.has(value, path):
        return before
    after = toml_tables.remove(text, path)
    _require_without(toml_tables.parse(after), value, client.path)
    return after or None


def _has_servers(value: Any, path: Sequence[str]) -> bool:
    """Whether the file has its servers there: an object that is no server of that name itself."""
    found = _at(value, path) if path else {}
    return bool(found) and "command" not in found and "url" not in found


def _at(value: Any, path: Sequence[str]) -> dict[str, Any]:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _with(value: dict[str, Any], path: Sequence[str], entry: dict[str, Any]) -> dict[str, Any]:
    changed = below = copy.deepcopy(value)
    for step in path:
        below = below.setdefault(step, {})
    below[SERVER] = entry
    return changed


def _require_without(after: Any, before: Any, path: Sequence[str]) -> None:
    """The entry is gone, and nothing else but perhaps the object that held it alone."""
    expected = copy.deepcopy(before)
    servers = _at(expected, path)
    servers.pop(SERVER, None)
    without_parent = copy.deepcopy(expected)
    _at(without_parent, path[:-1]).pop(path[-1], None)
    _require(after == expected or (not servers and after == without_parent))


def _require(holds: bool) -> None:
    if not holds:
        raise NotJson("its layout cannot be edited safely")


def _read(file: Path) -> str | None:
    try:
        return file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise CommandFailed(f"{file} is not changed: it is not UTF-8") from None
