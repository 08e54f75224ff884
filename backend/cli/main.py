"""The command line: commands and their options. A command's code is imported when it runs, so that help is fast."""

import io
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli import logs, output
from backend.cli.editors.commands import mcp
from backend.cli.errors import FAILURE, INTERRUPTED, OK, USAGE, CommandFailed, describe
from backend.malloc import share_arenas
from backend.openmp import limit_openmp_spin

UsageError: Any = typer.BadParameter.__base__  # typer's own click is private; `BadParameter` is public

app = typer.Typer(
    name="lantern",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
models = typer.Typer(
    help="Language models: the catalogue and what is installed.", invoke_without_command=True, rich_markup_mode=None
)
app.add_typer(models, name="models")
app.add_typer(mcp, name="mcp")

Root = Annotated[Path, typer.Argument(help="The codebase.")]
InCodebase = Annotated[Path, typer.Option("--path", help="A path inside the codebase.")]
Model = Annotated[str, typer.Option("--model", "-m", help="A name from `lantern models list`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from backend.config import VERSION

        output.line(f"lantern {VERSION}")
        raise typer.Exit


@app.callback()
def lantern(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Answers questions about your own codebase, on your own machine."""


@app.command()
def index(
    path: Root = Path(),
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep running and index every change until interrupted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Index a codebase, or bring its index up to date."""
    from backend.cli.index import run_index

    run_index(path, watch, as_json)


@app.command()
def ask(
    question: str,
    path: Annotated[
        Path | None,
        typer.Option(help="A path inside the codebase. A new conversation takes the current folder."),
    ] = None,
    model: Model = "",
    continued: Annotated[bool, typer.Option("--continue", "-c", help="Continue the last conversation.")] = False,
    conversation: Annotated[str, typer.Option("--cid", help="Continue the conversation with this id.")] = "",
    as_json: Json = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="Print every event as a line of JSON.")] = False,
    extract: Annotated[bool, typer.Option("-x", "--extract", help="Print only the first fenced code block.")] = False,
    usage: Annotated[bool, typer.Option("-u", "--usage", help="Print token counts and times.")] = False,
    show_context: Annotated[bool, typer.Option(help="Print the code that is in the prompt.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Print the prompt and generate nothing.")] = False,
) -> None:
    """Ask one question. Piped input becomes context: git diff | lantern ask "review this"."""
    from backend.cli.asking.ask import AskOptions, run_ask

    run_ask(
        AskOptions(
            question, path, model, continued, conversation, as_json, as_jsonl, extract, usage, show_context, dry_run
        )
    )


@app.command()
def chat(path: InCodebase = Path(), model: Model = "") -> None:
    """Chat about a codebase."""
    from backend.cli.asking.chat import run_chat

    run_chat(path, model)


@app.command()
def search(
    query: str,
    path: InCodebase = Path(),
    count: Annotated[int, typer.Option("-k", min=1, max=50, help="Number of results.")] = 10,
    as_json: Json = False,
) -> None:
    """Search the code of a codebase."""
    from backend.cli.search import run_search

    run_search(query, path, count, as_json)


@app.command()
def overview(path: Root = Path(), as_json: Json = False) -> None:
    """Tell what a codebase is: purpose, languages, licence, commands, folders."""
    from backend.cli.search import run_overview

    run_overview(path, as_json)


@app.command("eval")
def evaluate(
    path: Root = Path(),
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Measure with this change too: EMBEDDING_MODEL=none, rerank=off, graph=0.5."
        ),
    ] = None,
    per_kind: Annotated[
        int, typer.Option("-n", min=1, max=1000, help="At most this many questions of each kind.")
    ] = 60,
    as_json: Json = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Also draw the results.")] = None,
) -> None:
    """Measure the search quality on this codebase, by its own docstrings, commits and tests."""
    from backend.cli.evaluation import run_eval

    run_eval(path, compare or (), per_kind, as_json, plot)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    index: Annotated[Path | None, typer.Option(help="A codebase to index first.")] = None,
    allow_remote: Annotated[
        bool | None, typer.Option("--allow-remote", help="Allow an address that other machines can reach.")
    ] = None,
) -> None:
    """Run the server for IDE plugins and other programs."""
    from backend.cli.serving.serve import run_serve

    run_serve(host, port, index, allow_remote)


@app.command("open")
def open_page(
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it, or only print its address.")] = True,
) -> None:
    """Open the page of the running server in the browser."""
    from backend.cli.serving.page import run_open

    run_open(browser)


@app.command()
def status(as_json: Json = False) -> None:
    """Show the running server: its model, codebases, running work and memory."""
    from backend.cli.serving.status import run_status

    run_status(as_json)


@app.command()
def acp() -> None:
    """Run the agent for editors that speak the Agent Client Protocol (Zed, JetBrains, Neovim, Emacs)."""
    from backend.cli.editors.acp import run_acp

    run_acp()


@app.command()
def doctor() -> None:
    """Check this installation."""
    from backend.cli.doctor import run_doctor

    run_doctor()


@app.command()
def token() -> None:
    """Print the token that clients authenticate with."""
    from backend.cli.serving.serve import run_token

    run_token()


@app.command()
def completion(
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="The shell.")],
    words: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
) -> None:
    """Print a script that completes commands, options and names: source <(lantern completion bash)."""
    from backend.cli.completion import run_completion

    run_completion(typer.main.get_command(app), shell, words or [])


@models.callback()
def models_default(context: typer.Context) -> None:
    """Language models: the catalogue and what is installed."""
    if context.invoked_subcommand is None:
        models_list()


@models.command("list")
def models_list(as_json: Json = False) -> None:
    """List the catalogue: name, state, size, memory, context, licence."""
    from backend.cli.models import run_list

    run_list(as_json)


@models.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="Default: MODEL_NAME, or the model that suits this machine.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    lines: Annotated[bool, typer.Option("--lines", help="Print progress as lines, as without a terminal.")] = False,
    sha256: Annotated[str, typer.Option(help="The expected SHA-256, if the catalogue has none.")] = "",
) -> None:
    """Download a model; an interrupted download resumes."""
    from backend.cli.pull import run_pull

    run_pull(name, yes, lines, sha256)


@models.command("add")
def models_add(file: Path) -> None:
    """Add your own GGUF file to the catalogue."""
    from backend.cli.models import run_add

    run_add(file)


@models.command("doctor")
def models_doctor() -> None:
    """Check the installed models: file, template, special tokens, memory."""
    from backend.cli.models import run_doctor

    run_doctor()


def main() -> None:
    """Runs the command and exits with its code."""
    limit_openmp_spin()
    share_arenas()
    os.umask(0o077)  # only the owner may read sessions and indexed code
    logs.configure()
    output.escape_unencodable()
    code = _run()
    with suppress(BrokenPipeError):
        output.flush()
    os._exit(code)  # a thread may still be loading the embedder: everything is written, so it need not be waited for


def _run() -> int:
    """The exit code of the command. Errors are printed as one line."""
    try:
        return app(standalone_mode=False) or OK
    except UsageError as error:
        shown = io.StringIO()
        error.show(shown)
        output.note_text(shown.getvalue().rstrip("\n"))
        return USAGE
    except CommandFailed as failure:
        output.error(failure)
        return failure.code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # `lantern ask ... | head`
        return OK
    except Exception as error:
        message = describe(error)
        if message is None:
            logging.getLogger("lantern").exception("a defect of Lantern")
        output.error(message or "an unexpected error")
        return FAILURE


if __name__ == "__main__":
    main()
