"""Records what an agent gets from `lantern mcp` and an editor from `lantern acp`, and renders both as SVG terminals.

The clients are not ours: the official inspector of the Model Context Protocol, and acpx. Nothing in the pictures is
written by hand, but the temporary home is shown as /home/me, and the lines of a diff have colours.

    python docs/picture/agents.py --clients FOLDER/node_modules/.bin [--model NAME] [--models FOLDER] [OUTPUT FOLDER]
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

from render import (
    ANSWER_S,
    LANTERN,
    READY_S,
    ended_after,
    environment,
    prompt,
    sample,
    serving,
    shown,
    svg,
    terminal,
)
from rich.text import Text

HOME = "/home/me"
CALL = """mcp-inspector --cli --method tools/call --tool-name {} \\
    -- lantern mcp | jq -r '.content[].text'"""
AGENTS = (
    "lantern mcp install claude-code --dry-run",
    CALL.format("search_code --tool-arg limit=1 \\\n    --tool-arg 'query=charset of a Content-Type header'"),
    CALL.format("find_symbol --tool-arg uses=true \\\n    --tool-arg name=TooManyRedirects"),
)
EDITORS = ('acpx --agent "lantern acp" exec "How does the client follow redirects?"',)
DIFF = {"+": "green", "-": "red", "@": "cyan"}


def main() -> None:
    """Records `AGENTS` and `EDITORS`, and writes the SVGs."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("output", nargs="?", type=Path, default=Path(__file__).parent)
    options.add_argument("--clients", type=Path, required=True, help="the folder of mcp-inspector and acpx")
    options.add_argument("--model", default="qwen2.5-coder-1.5b")
    options.add_argument("--models", type=Path, default=Path.home() / ".lantern" / "models")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="lantern-picture-") as name:
        home = Path(name)
        code, env = sample(home), home_environment(home, chosen.clients, chosen.models, chosen.model)
        with serving(env, home / ".lantern"):
            subprocess.run([LANTERN, "index", code], env=env, check=True, timeout=READY_S)
            for file, commands, title in (
                ("agents.svg", AGENTS, "an agent's tools: the Model Context Protocol"),
                ("acp.svg", EDITORS, f"an ACP client: {chosen.model} on {os.cpu_count()} CPU cores"),
            ):
                text = svg([block(command, code, env) for command in commands], title)
                (chosen.output / file).write_text(text, "utf-8")
                print(f"{chosen.output / file}: {len(text.encode()) / 1000:.0f} kB")


def home_environment(home: Path, clients: Path, models: Path, model: str) -> dict[str, str]:
    """A home in which `lantern` and a client are installed. Clients pass HOME on, but no settings."""
    (home / ".claude.json").write_text('{\n  "numStartups": 12\n}\n')
    installed = home / ".local" / "bin"
    installed.mkdir(parents=True)
    (installed / "lantern").symlink_to(LANTERN)
    env = environment(home / ".lantern", models, model)
    path = os.pathsep.join([str(installed), str(clients.resolve()), env["PATH"]])
    return env | {"HOME": str(home), "PATH": path}


def block(command: str, folder: Path, env: dict[str, str]) -> list[Text]:
    """A command of the shell and what it printed."""
    with terminal() as (screen, inside):
        process = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=inside,
            stderr=inside,
        )
        os.close(inside)
        with ended_after(process, ANSWER_S):
            printed = "".join(shown(screen)).rstrip()
    if process.returncode != 0:
        raise SystemExit(f"{command}\n{printed}")
    lines = Text.from_ansi(printed.replace(str(folder.parent), HOME)).split("\n")
    for line in lines:
        if "--dry-run" in command:
            line.stylize(DIFF.get(line.plain[:1], ""))
    return [prompt(command), Text("\n").join(lines)]


if __name__ == "__main__":
    main()
