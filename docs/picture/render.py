"""Records real `lantern ask` commands and renders them as an SVG of a terminal.

Nothing in the picture is written by hand: the script indexes the httpx package of this virtual environment, starts a
server with a real model, runs the commands, measures them and renders what they printed.

    python docs/picture/render.py [--model NAME] [--models FOLDER] [OUTPUT]
"""

import argparse
import codecs
import importlib.util
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

CODE = "httpx"
QUESTIONS = ("How does the client follow redirects?", "Who calls encode_multipart_data?")
COLUMNS, ROWS = 104, 50
READY_S = 180.0  # the first load of a model also measures which kernels are the fastest
ANSWER_S = 180.0
TRIES = 3
LANTERN = str(Path(sys.executable).with_name("lantern"))
# `rich` links fonts of a public server; a document of Lantern needs no network.
SVG_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<!-- Rendered by docs/picture/render.py from the output of real commands -->
<style>
.{unique_id}-matrix {{
font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: arial; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


@dataclass(frozen=True, slots=True)
class Recording:
    """What one command printed, and when. Times are seconds from the start of the process."""

    question: str
    stdout: str
    stderr: str
    first_s: float
    total_s: float


def main() -> None:
    """Records `QUESTIONS` and writes the SVG."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("output", nargs="?", type=Path, default=Path(__file__).with_name("ask.svg"))
    options.add_argument("--model", default="qwen2.5-coder-1.5b")
    options.add_argument("--models", type=Path, default=Path.home() / ".lantern" / "models")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="lantern-picture-") as name:
        folder = Path(name)
        code = sample(folder)
        env = environment(folder / "data", chosen.models, chosen.model)
        with serving(env, folder / "data"):
            subprocess.run([LANTERN, "index", code], env=env, check=True, timeout=READY_S)
            recordings = [recorded(question, folder, env) for question in QUESTIONS]
    chosen.output.write_text(rendered(recordings, chosen.model), "utf-8")
    print(f"{chosen.output}: {chosen.output.stat().st_size / 1000:.0f} kB")


def sample(folder: Path) -> Path:
    """A copy of the sources of httpx, which Lantern depends on, in a folder of the same name."""
    spec = importlib.util.find_spec(CODE)
    if spec is None or spec.origin is None:
        raise SystemExit("httpx is not installed: run this script in the virtual environment of Lantern")
    code = folder / CODE
    shutil.copytree(Path(spec.origin).parent, code, ignore=shutil.ignore_patterns("__pycache__"))
    return code


def environment(data: Path, models: Path, model: str) -> dict[str, str]:
    """The environment of every command: a data folder of its own, a free port."""
    settings = {"DATA_DIR": data, "MODELS_DIR": models, "MODEL_NAME": model, "PORT": 0, "TERM": "xterm"}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return kept | {name: str(value) for name, value in settings.items()}


@contextmanager
def serving(env: dict[str, str], data: Path) -> Iterator[None]:
    """A server whose model is loaded; it is stopped at the end."""
    with subprocess.Popen([LANTERN, "serve"], env=env, stderr=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + READY_S
            while not is_ready(data):
                if server.poll() is not None or time.monotonic() > until:
                    raise SystemExit("the server does not come up with this model; see `lantern doctor`")
                time.sleep(0.2)
            yield
        finally:
            server.terminate()


def is_ready(data: Path) -> bool:
    """Whether the server of this data folder has its model and its embedder in memory."""
    try:
        url = json.loads((data / "server.json").read_text())["url"]
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:  # noqa: S310 - a local server
            health = json.load(response)
    except (OSError, ValueError, KeyError):
        return False
    if health["model"]["name"] == "extractive":
        raise SystemExit("the model is not installed: run `lantern models pull` with its name, or give --models")
    return bool(health["model"]["state"] == "loaded" and health["embedder_loaded"])


def recorded(question: str, folder: Path, env: dict[str, str]) -> Recording:
    """One command, from its start to its end; tried again where the machine was too busy."""
    for _ in range(TRIES):
        start = time.monotonic()
        command = [LANTERN, "ask", question, "--path", CODE]
        with tempfile.TemporaryFile("w+", encoding="utf-8") as stderr, terminal() as (screen, inside):
            process = subprocess.Popen(
                command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=inside, stderr=stderr
            )
            os.close(inside)
            with ended_after(process, ANSWER_S):
                pieces = shown(screen)
                text = next(pieces, "")
                first_s = time.monotonic() - start
                text += "".join(pieces)
            total_s = time.monotonic() - start
            stderr.seek(0)
            if process.returncode == 0:
                return Recording(question, text, stderr.read(), first_s, total_s)
    raise SystemExit(f"no answer to {question!r} within {ANSWER_S:.0f} s")


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal as wide as the picture: the side that shows, and the side of the program, which the caller closes."""
    screen, inside = pty.openpty()
    ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    try:
        yield screen, inside
    finally:
        os.close(screen)


def shown(screen: int) -> Iterator[str]:
    """What a program prints on a terminal, until it ends."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    while True:
        try:
            piece = os.read(screen, 1 << 16)
        except OSError:  # Linux says so when the program has ended
            return
        yield decoder.decode(piece).replace("\r\n", "\n")


@contextmanager
def ended_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """Waits for the end of the process; kills it at that time."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        process.wait()
        timer.cancel()


def rendered(recordings: list[Recording], model: str) -> str:
    """The SVG of a terminal in which the commands ran one after the other."""
    blocks = []
    for recording in recordings:
        times = f"first text after {recording.first_s:.1f} s, complete after {recording.total_s:.1f} s"
        notes = [Text("\n" + recording.stderr.rstrip(), style="cyan"), Text(times, style="yellow")]
        command = f'lantern ask "{recording.question}" --path {CODE}'
        blocks.append([prompt(command), Text.from_ansi(recording.stdout.strip()), *notes])
    return svg(blocks, f"{model} on {os.cpu_count()} CPU cores")


def prompt(command: str) -> Text:
    """A command as it is typed."""
    return Text.assemble(("$ ", "green"), (command, "bold"))


def svg(blocks: list[list[Text]], title: str) -> str:
    """The SVG of a terminal; an empty line is between blocks."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, highlight=False)
        for number, block in enumerate(blocks):
            if number:
                console.print()
            for text in block:
                console.print(text)
        return console.export_svg(title=title, theme=MONOKAI, code_format=SVG_FORMAT, unique_id="lantern")


if __name__ == "__main__":
    main()
