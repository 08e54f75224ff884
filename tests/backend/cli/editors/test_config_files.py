"""The entry in the file of each client: what it holds, that nothing else changes, and what is refused."""

import json
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from backend.cli.editors import jsonc
from backend.cli.editors.config_files import block, change_of, write
from backend.cli.editors.mcp_clients import BY_NAME, CLIENTS, SERVER, McpClient
from backend.cli.errors import CommandFailed

COMMAND = "/opt/bin/lantern"


def value_of(client: McpClient, text: str) -> dict[str, Any]:
    value: Any = tomllib.loads(text) if client.is_toml else jsonc.parse(text).value
    for step in client.path:
        value = value[step]
    servers: dict[str, Any] = value
    return servers


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
@pytest.mark.parametrize("before", [None, "", "\n"])
def test_a_file_that_holds_nothing(client: McpClient, before: str | None, tmp_path: Path) -> None:
    file = tmp_path / client.file
    file.parent.mkdir(parents=True, exist_ok=True)
    if before is not None:
        file.write_text(before)
    write(change_of(client, file, COMMAND))
    assert value_of(client, file.read_text()) == {SERVER: client.entry(COMMAND)}
    again = change_of(client, file, COMMAND)
    assert again.before == again.after
    write(change_of(client, file, None))
    assert (file.read_text() if file.exists() else None) == (before or None if client.is_toml else before)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_file_with_other_settings_is_the_same_after_an_uninstall(client: McpClient, tmp_path: Path) -> None:
    file = tmp_path / "config"
    text = 'a = 1 # one\n[b]\nc = "d"\n' if client.is_toml else '// mine\n{\n  "a": 1, // one\n}\n'
    file.write_text(text)
    file.chmod(0o640)
    write(change_of(client, file, COMMAND))
    installed = file.read_text()
    assert value_of(client, installed)[SERVER] == client.entry(COMMAND)
    assert all(line in installed.splitlines() for line in text.splitlines())
    write(change_of(client, file, "/other/lantern"))
    assert value_of(client, file.read_text())[SERVER] == client.entry("/other/lantern")
    write(change_of(client, file, None))
    assert file.read_text() == text
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_the_file_behind_a_link_is_written(tmp_path: Path) -> None:
    (tmp_path / "dotfiles.json").write_text("{}")
    (tmp_path / "mcp.json").symlink_to("dotfiles.json")
    write(change_of(BY_NAME["cursor"], tmp_path / "mcp.json", COMMAND))
    assert (tmp_path / "mcp.json").is_symlink()
    assert SERVER in (tmp_path / "dotfiles.json").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dotfiles.json", "mcp.json"]


def test_opencode_has_its_servers_in_either_place(tmp_path: Path) -> None:
    file, client = tmp_path / "opencode.json", BY_NAME["opencode"]
    nested = {"mcp": {"servers": {"a": {"type": "local", "command": ["x"]}}}}
    flat = {"mcp": {"servers": {"type": "local", "command": ["x"]}}}  # a server of that name
    for value, path in ((nested, ("mcp", "servers")), (flat, ("mcp",))):
        file.write_text(json.dumps(value))
        write(change_of(client, file, COMMAND))
        found: Any = json.loads(file.read_text())
        for step in path:
            found = found[step]
        assert found[SERVER] == {"type": "local", "command": [COMMAND, "mcp"]}
        write(change_of(client, file, None))
        assert json.loads(file.read_text()) == value


REFUSED = {
    "broken": ("cursor", '{"mcpServers": [}'),
    "null": ("cursor", '{"mcpServers": null}'),
    "array": ("cursor", "[]"),
    "twice": ("cursor", '{"mcpServers": {}, "mcpServers": {}}'),
    "inline": ("codex", "mcp_servers = {}\n"),
    "toml": ("codex", "a = = 1\n"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_edited_is_left_alone(case: str, tmp_path: Path) -> None:
    name, text = REFUSED[case]
    (tmp_path / "config").write_text(text)
    with pytest.raises(CommandFailed, match="config is not changed"):
        change_of(BY_NAME[name], tmp_path / "config", COMMAND)
    (tmp_path / "latin").write_bytes(b"\xe4")
    with pytest.raises(CommandFailed, match="it is not UTF-8"):
        change_of(BY_NAME[name], tmp_path / "latin", COMMAND)


def test_a_text_in_a_string_of_toml_is_no_table(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('a = """\n[mcp_servers.lantern]\n"""\n')
    change = change_of(BY_NAME["codex"], file, None)
    assert change.before == change.after
    write(change_of(BY_NAME["codex"], file, COMMAND))
    assert tomllib.loads(file.read_text())["mcp_servers"][SERVER]["command"] == COMMAND


def test_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text("{}")
    change = change_of(BY_NAME["cursor"], file, COMMAND)
    file.write_text('{"mine": 1}')
    with pytest.raises(CommandFailed, match="changed by another program: try again"):
        write(change)
    assert file.read_text() == '{"mine": 1}'


def test_the_diff_names_the_file_and_shows_the_lines(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    diff = change_of(BY_NAME["cursor"], file, COMMAND).diff
    assert diff.startswith(f"--- no file\n+++ {file}\n")
    assert '+    "lantern": {"command": "/opt/bin/lantern", "args": ["mcp"]}\n' in diff


def test_the_block_to_paste() -> None:
    assert json.loads(block(BY_NAME["zed"], COMMAND)) == {
        "context_servers": {SERVER: {"command": COMMAND, "args": ["mcp"], "env": {}}}
    }
    assert tomllib.loads(block(BY_NAME["codex"], COMMAND))["mcp_servers"][SERVER]["command"] == COMMAND
