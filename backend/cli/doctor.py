"""`lantern doctor`: what this installation has, what is missing, and whether it can answer questions."""

import shutil
import sys
from contextlib import suppress

from backend.cli import output
from backend.cli.client import Client, open_client
from backend.cli.settings import command_settings
from backend.config import VERSION, Settings
from backend.engines.loader import kernel_results
from backend.instance_lock import find
from backend.wording import plural
from indexer.errors import EmbedderOff
from models.errors import ModelError
from models.hardware import processor
from models.llama.bindings import problem
from models.proposal import advice
from models.registry import Registry


def run_doctor() -> None:
    """Prints one line for each part. Fails if no server can be started or the embedding model cannot be loaded."""
    settings = command_settings()
    server = find(settings.data_dir)
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    folder_note = "" if settings.data_dir.exists() else " (created at the first use)"
    output.note(f"lantern {VERSION}, Python {sys.version.split()[0]}")
    output.note(f"data folder   {settings.data_dir}{folder_note}")
    output.note(f"server        {server.url if server else 'none running'}")
    with suppress(ModelError):  # a catalogue that cannot be read stops the start of the server below
        registry = Registry(settings.models_dir, settings.user_catalogue)
        model = settings.model_name or f"{registry.default()} (MODEL_NAME is not set)"
        output.note(f"model         {model}, looked for in {settings.models_dir}")
        output.note(f"memory        {advice(registry.spec)}")
    output.note(f"llama.cpp     {problem() or 'installed'}")
    output.note(f"C++ compiler  {compiler or 'none'}")
    output.note(f"processor     {processor()}")
    _kernels(settings)
    with open_client(settings) as client:
        _service(client)
    _embedder(settings)


def _kernels(settings: Settings) -> None:
    """What llama.cpp cannot use on this processor, and what it runs fastest with."""
    for architecture, result in kernel_results(settings).items():
        for name, reason in result.left_out.items():
            output.note(
                f"left out      {name}, which llama.cpp cannot use here with models of {architecture}: {reason}"
            )
        if result.failed:
            output.note(f"failed        {result.failed}")
        for shape, choice in result.fastest.items():
            threads = f"{plural(choice.threads, 'thread')}, {choice.reading_threads} to read"
            output.note(f"fastest       {', '.join(choice.kernels)}; {threads}: {architecture}, {shape}")


def _service(client: Client) -> None:
    """The model that answers, and the indexed codebases."""
    model = client.call("GET", "/health")["model"]
    output.note(f"answers with  {model['name']} ({model['state']})")
    for codebase in client.call("GET", "/codebases")["codebases"]:
        size = f"{plural(codebase['files'], 'file')}, {plural(codebase['chunks'], 'chunk')}"
        output.note(f"codebase      {codebase['root']}: {codebase['state']}, {size}")


def _embedder(settings: Settings) -> None:
    from indexer.embedding.loading import load_embedder  # slow to import, and last, so that the lines above come first

    try:
        embedder = load_embedder(settings.embedding_model)
    except EmbedderOff as choice:
        output.note(f"embedding     {choice}")
    else:
        output.note(f"embedding     {embedder.model_id}, {embedder.dim} dimensions")
