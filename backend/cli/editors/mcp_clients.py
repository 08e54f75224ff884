"""The clients that `lantern mcp install` knows: where each keeps its servers, and in which shape. Reads no file.

From their documentation, November 2026.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVER = "lantern"
START_S, TOOL_S = 60, 600  # for clients whose own limits are short: a first start may load for some seconds

Entry = Callable[[str], dict[str, Any]]  # from the path of our command


@dataclass(frozen=True, slots=True)
class McpClient:
    """One client. Paths are relative to the home folder."""

    name: str
    title: str
    file: str
    found_by: str  # exists where the client is installed
    path: tuple[str, ...]  # of the object with the servers, in the file
    entry: Entry
    other_path: tuple[str, ...] = ()  # this one instead, where the file has it

    @property
    def is_toml(self) -> bool:
        return self.file.endswith(".toml")

    def is_installed(self, home: Path) -> bool:
        return (home / self.found_by).exists() or (home / self.file).exists()


def _plain(command: str) -> dict[str, Any]:
    return {"command": command, "args": ["mcp"]}


def _typed(command: str) -> dict[str, Any]:
    return {"type": "stdio", "command": command, "args": ["mcp"]}


def _codex(command: str) -> dict[str, Any]:
    return _plain(command) | {"startup_timeout_sec": START_S, "tool_timeout_sec": TOOL_S}


def _opencode(command: str) -> dict[str, Any]:
    return {"type": "local", "command": [command, "mcp"]}


def _zed(command: str) -> dict[str, Any]:
    return _plain(command) | {"env": {}}


def _copilot(command: str) -> dict[str, Any]:
    return {"type": "local", "command": command, "args": ["mcp"], "tools": ["*"]}


_APPLICATIONS = "Library/Application Support" if sys.platform == "darwin" else ".config"
_SERVERS = ("mcpServers",)

CLIENTS = (
    McpClient("claude-code", "Claude Code", ".claude.json", ".claude", _SERVERS, _typed),
    McpClient("codex", "Codex", ".codex/config.toml", ".codex", ("mcp_servers",), _codex),
    McpClient(
        "opencode",
        "OpenCode",
        ".config/opencode/opencode.json",
        ".config/opencode",
        ("mcp",),
        _opencode,
        other_path=("mcp", "servers"),
    ),
    McpClient("cursor", "Cursor", ".cursor/mcp.json", ".cursor", _SERVERS, _plain),
    McpClient(
        "vscode", "VS Code", f"{_APPLICATIONS}/Code/User/mcp.json", f"{_APPLICATIONS}/Code/User", ("servers",), _typed
    ),
    McpClient("zed", "Zed", ".config/zed/settings.json", ".config/zed", ("context_servers",), _zed),
    McpClient("windsurf", "Windsurf", ".codeium/windsurf/mcp_config.json", ".codeium/windsurf", _SERVERS, _plain),
    McpClient("gemini", "Gemini CLI", ".gemini/settings.json", ".gemini", _SERVERS, _plain),
    McpClient("copilot", "Copilot CLI", ".copilot/mcp-config.json", ".copilot", _SERVERS, _copilot),
    McpClient(
        "claude-desktop",
        "Claude Desktop",
        f"{_APPLICATIONS}/Claude/claude_desktop_config.json",
        f"{_APPLICATIONS}/Claude",
        _SERVERS,
        _plain,
    ),
)
BY_NAME = {client.name: client for client in CLIENTS}
