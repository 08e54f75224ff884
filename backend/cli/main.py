"""The command line: what each command takes. What it does is imported when it runs, so that help is instant."""

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli.errors import FAILURE, INTERRUPTED, OK, USAGE, CommandFailed
from backend.openmp import limit_openmp_spin

UsageError: Any = typer.BadParameter.__base__  # the click that typer carries is not public; its error classes are

app = typer.Typer(
    name="lantern",
    help="Answers questions about your own codebase, on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
models = typer.Typer(
    help="Language models: what is known, what is here.", invoke_without_command=True, rich_markup_mode=None
)
app.add_typer(models, name="models")

Root = Annotated[Path, typer.Argument(help="The codebase.")]
Where = Annotated[Path, typer.Option("--path", help="A path inside the codebase.")]
Model = Annotated[str, typer.Option("--model", "-m", help="A name from `lantern models list`.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


@app.command()
def index(
    path: Root = Path(),
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and index every change until interrupted.")] = False,
    as_json: Json = False,
) -> None:
    """Index a codebase, or bring its index up to date."""
    from backend.cli.index import run_index

    run_index(path, watch, as_json)


@app.command()
def ask(
    question: str,
    path: Annotated[Path | None, typer.Option(help="A path inside the codebase; here, if a new conversation.")] = None,
    model: Model = "",
    continued: Annotated[bool, typer.Option("--continue", "-c", help="Go on with the last conversation.")] = False,
    conversation: Annotated[str, typer.Option("--cid", help="Go on with this conversation.")] = "",
    as_json: Json = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="Every event as a line of JSON.")] = False,
    extract: Annotated[bool, typer.Option("-x", "--extract", help="Only the first fenced block.")] = False,
    usage: Annotated[bool, typer.Option("-u", "--usage", help="Token counts and times.")] = False,
    show_context: Annotated[bool, typer.Option(help="Show the code that the prompt holds.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Print the prompt, generate nothing.")] = False,
) -> None:
    """Ask one question. What is piped in is read as context: git diff | lantern ask "review this"."""
    from backend.cli.ask import Ask, run_ask

    run_ask(
        Ask(question, path, model, continued, conversation, as_json, as_jsonl, extract, usage, show_context, dry_run)
    )


@app.command()
def chat(path: Where = Path(), model: Model = "") -> None:
    """Talk about a codebase."""
    from backend.cli.ask import run_chat

    run_chat(path, model)


@app.command()
def search(
    query: str,
    path: Where = Path(),
    count: Annotated[int, typer.Option("-k", min=1, max=50, help="How many places.")] = 10,
    as_json: Json = False,
) -> None:
    """Find places in the code."""
    from backend.cli.index import run_search

    run_search(query, path, count, as_json)


@app.command("eval")
def evaluate(
    path: Root = Path(),
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Measure this change too: EMBEDDING_MODEL=none, rerank=off, graph=0.5."
        ),
    ] = None,
    each: Annotated[int, typer.Option("-n", min=1, max=1000, help="Questions of each kind, at most.")] = 60,
    as_json: Json = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the figures, too.")] = None,
) -> None:
    """Measure how well this codebase is searched, by its own docstrings, commits and tests."""
    from backend.cli.evaluation import run_eval

    run_eval(path, compare or (), each, as_json, plot)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one.")] = None,
    index: Annotated[Path | None, typer.Option(help="A codebase to index first.")] = None,
    allow_remote: Annotated[bool | None, typer.Option("--allow-remote", help="Listen beyond this machine.")] = None,
) -> None:
    """Run the backend for IDE plugins and other programs."""
    from backend.cli.index import run_serve

    run_serve(host, port, index, allow_remote)


@app.command()
def doctor() -> None:
    """Check this installation."""
    from backend.cli.index import run_doctor

    run_doctor()


@app.command()
def token() -> None:
    """Print the token that clients send."""
    from backend.cli.index import run_token

    run_token()


@models.callback()
def models_default(context: typer.Context) -> None:
    """Language models: what is known, what is here."""
    if context.invoked_subcommand is None:
        models_list()


@models.command("list")
def models_list(as_json: Json = False) -> None:
    """The catalogue: name, state, size, context."""
    from backend.cli.models import run_list

    run_list(as_json)


@models.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="Without one: MODEL_NAME, or what suits this machine.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    lines: Annotated[bool, typer.Option("--lines", help="Progress in lines, as without a terminal.")] = False,
    sha256: Annotated[str, typer.Option(help="The expected hash, where the catalogue has none.")] = "",
) -> None:
    """Download a model, with progress; an interrupted download resumes."""
    from backend.cli.pull import run_pull

    run_pull(name, yes, lines, sha256)


@models.command("add")
def models_add(file: Path) -> None:
    """Add a GGUF file of yours to the catalogue."""
    from backend.cli.models import run_add

    run_add(file)


@models.command("doctor")
def models_doctor() -> None:
    """Check the installed models: file, template, special tokens, memory."""
    from backend.cli.models import run_doctor

    run_doctor()


def main() -> None:
    """Runs the command and leaves with its exit code."""
    limit_openmp_spin()
    os.umask(0o077)  # sessions and indexed code are their owner's alone
    code = _run()
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # the embedder may still be loading in its thread; nothing that counts is left to do


def _run() -> int:
    """The exit code of the command; what it raises becomes words."""
    try:
        return app(standalone_mode=False) or OK
    except UsageError as error:
        error.show()
        return USAGE
    except CommandFailed as failure:
        print(f"lantern: {failure}", file=sys.stderr)
        return failure.code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # `lantern ask ... | head`
        return OK
    except Exception as error:
        from backend.cli.failures import explain

        told = explain(error)
        if told is None:
            logging.getLogger("lantern").exception("a defect of Lantern")
        print(f"lantern: {told or 'an unexpected error'}", file=sys.stderr)
        return FAILURE


if __name__ == "__main__":
    main()
