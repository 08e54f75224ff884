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
