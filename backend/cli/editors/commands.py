"""The commands for agents and editors. Their code is imported when they run."""

from pathlib import Path
from typing import Annotated

import typer

mcp = typer.Typer(
    help="The server of the Model Context Protocol, for agents.", invoke_without_command=True, rich_markup_mode=None
)


@mcp.callback()
def mcp_relay(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Option(help="The client's folder; default: its roots, or the current folder.")
    ] = None,
) -> None:
    """Speak the Model Context Protocol on stdin and stdout, for an agent that starts this command."""
    if context.invoked_subcommand is None:
        from backend.cli.editors.mcp_relay import run_mcp

        run_mcp(path)


Clients = Annotated[list[str] | None, typer.Argument(help="Default: all that are found on this machine.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the change and make none.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


@mcp.command("install")
def mcp_install(clients: Clients = None, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Add Lantern to Claude Code, Codex, OpenCode, Cursor, VS Code, Zed and others, after showing the change."""
    from backend.cli.editors.mcp_install import run_install

    run_install(clients or (), dry_run, yes)


@mcp.command("uninstall")
def mcp_uninstall(clients: Clients = None, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Take Lantern out of the configuration of clients; nothing else of it changes."""
    from backend.cli.editors.mcp_install import run_uninstall

    run_uninstall(clients or (), dry_run, yes)
