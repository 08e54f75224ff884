"""`make bench`: times and rates of Lantern on this machine, as a Markdown table.

`--quick` measures less, for the suite. On a shared, noisy machine only ratios within one run can be
compared.
"""

import argparse
import asyncio
import hashlib
import os
import platform
import statistics
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from backend.indexing.workers import start_workers
from backend.openmp import limit_openmp_spin
from indexer.embedding.base import Vectors
from indexer.embedding.loading import load_embedder
from indexer.embedding.static import StaticEmbedder
from indexer.files.scan import Candidate, read, walk
from indexer.parsing.chunking import chunks_of, embedding_text
from indexer.parsing.definitions import parse
from indexer.search.searcher import Searcher
from indexer.storage.codebases import Codebases
from indexer.storage.store import Store
from indexer.types import IndexReport, Progress, SourceFile
from indexer.update.refresh import refresh
from indexer.workers.pool import HERE, Runner
from models.scripted import ScriptedEngine
from models.types import Delta, Prompt, Sampling, Usage
from tests.backend.harness import running
from tests.e2e.harness import LANTERN, environment, serving

QUERIES = 50
_LONG_AGO = 1_700_000_000  # a time of change


@dataclass(frozen=True, slots=True)
class Size:
    """How much to measure."""

    files: int  # of the standard library, scanned, chunked and indexed
    small: int  # files of the tree that is indexed again unchanged, and then with one change
    embedded: int  # chunks
    indexes: tuple[int, ...]  # chunks in the searched indexes
    tokens: int  # streamed over the socket
    starts: int


FULL = Size(files=1000, small=10_000, embedded=512, indexes=(10_000, 50_000), tokens=1000, starts=5)
QUICK = Size(files=15, small=20, embedded=8, indexes=(200,), tokens=50, starts=1)

Row = tuple[str, str]


class SeededEmbedder:
    """Unit vectors of the real size at no cost, to measure everything but the embedding."""

    model_id, dim = "seeded", 256

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.embed_query(text) for text in texts])

    def embed_query(self, text: str) -> Vectors:
        seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
        vector = np.random.default_rng(seed).standard_normal(self.dim, np.float32)
        unit: Vectors = vector / np.linalg.norm(vector)
        return unit


class PacedEngine(ScriptedEngine):
    """Sends the time every few milliseconds, so that the receiver can compute the latency of each token."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        for _ in range(sampling.max_tokens):
            await asyncio.sleep(0.004)
            yield Delta(f"{time.perf_counter()} ")
        yield Delta(reason="length", usage=Usage(0, 0, sampling.max_tokens))


def reading(size: Size) -> Iterator[Row]:
    """From files on disk to chunks, and from chunks to vectors."""
    root, embedder = Path(sysconfig.get_paths()["stdlib"]), load_embedder()
    start = time.perf_counter()
    candidates = [found for found in walk(root) if isinstance(found, Candidate)][: size.files]
    sources = [found for found in (read(root, candidate) for candidate in candidates) if isinstance(found, SourceFile)]
    scanned = time.perf_counter() - start
    yield "scan and read", f"{len(sources) / scanned:,.0f} files/s"
    start = time.perf_counter()
    pieces = [piece for source in sources for piece in chunks_of(source, parse(source.text, source.language))]
    chunked = time.perf_counter() - start
    yield "parse and chunk", f"{len(sources) / chunked:,.0f} files/s, {len(pieces) / chunked:,.0f} chunks/s"
    texts = [embedding_text(piece) for piece in pieces[:: max(1, len(pieces) // size.embedded)]][: size.embedded]
    embedder.embed_documents(texts[:8])
    start = time.perf_counter()
    embedder.embed_documents(texts)
    yield "embed (MiniLM)", f"{len(texts) / (time.perf_counter() - start):,.0f} chunks/s"


def indexing(size: Size, folder: Path) -> Iterator[Row]:
    """With the static table: a first index, and again after small changes."""
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    found = [candidate for candidate in walk(stdlib) if isinstance(candidate, Candidate)][: size.files]
    root = folder / "stdlib"
    for candidate in found:
        (root / candidate.path).parent.mkdir(parents=True, exist_ok=True)
        (root / candidate.path).write_bytes((stdlib / candidate.path).read_bytes())
    workers = start_workers()  # as `lantern index` and the server have them; their start is measured, too
    first, report = _first_index(Codebases(folder / "indexes").open(root), Runner(workers.jobs))
    workers.close()
    yield f"first files searchable, of {report.files:,}", f"{first:.2f} s"
    yield f"index, {report.files:,} files", f"{report.seconds:.1f} s, {report.chunks / report.seconds:,.0f} chunks/s"
    small = folder / "small"
    for n in range(size.small):
        path = small / f"pkg{n % 100}" / f"module_{n}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_function(n, 1))
        os.utime(path, (_LONG_AGO, _LONG_AGO))  # a file written in the last moments is always read again
    store = Codebases(folder / "indexes").open(small)
    _first_index(store)
    refresh(store, StaticEmbedder())
    yield f"nothing changed, {size.small:,} files", f"{refresh(store, StaticEmbedder()).seconds:.2f} s"
    searcher = Searcher(store, StaticEmbedder())
    searcher.search("warm up")
    (small / "pkg1" / "module_1.py").write_text("def entirely_new():\n    return 1\n")
    start = time.perf_counter()
    refresh(store, StaticEmbedder(), only=["pkg1/module_1.py"])
    hits = searcher.search("entirely_new")
    yield "one file changed, found", f"{time.perf_counter() - start:.2f} s" if hits[0].symbol else "not found"


def _first_index(store: Store, runner: Runner = HERE) -> tuple[float, IndexReport]:
    """Seconds until the first files can be searched, and the report of the run."""
    written: list[float] = []
    start = time.perf_counter()

    def on_progress(progress: Progress) -> None:
        if progress.chunks:
            written.append(time.perf_counter() - start)

    report = refresh(store, StaticEmbedder(), on_progress=on_progress, runner=runner)
    return written[0], report


def searching(size: Size, folder: Path) -> Iterator[Row]:
    """Latency of a search by size of the index, without the embedding of the query."""
    for chunks in size.indexes:
        root = folder / f"code-{chunks}"
        for n in range(chunks // 50):
            path = root / f"pkg{n % 20}" / f"module_{n}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n\n".join(_function(n, m) for m in range(50)))
        store = Codebases(folder / "indexes").open(root)
        report = refresh(store, SeededEmbedder(), on_progress=lambda _: None)
        searcher = Searcher(store, SeededEmbedder())
        searcher.search("warm up")
        times_ms = []
        for n in range(QUERIES):
            start = time.perf_counter()
            searcher.search(f"where does step {n} load the {_WORDS[n % len(_WORDS)]} of account_{n}?", k=10)
            times_ms.append((time.perf_counter() - start) * 1000)
        yield (
            f"search, {report.chunks:,} chunks",
            f"p50 {statistics.median(times_ms):.1f} ms, p95 {_p95(times_ms):.1f} ms",
        )
        yield f"index without embedding, {report.chunks:,} chunks", f"{report.chunks / report.seconds:,.0f} chunks/s"


_WORDS = ("invoice", "session", "token", "parser", "cache", "report", "matrix", "socket")


def _function(n: int, m: int) -> str:
    word, other = _WORDS[(n + m) % len(_WORDS)], _WORDS[(n * 7 + m) % len(_WORDS)]
    return (
        f"def load_{word}_{n}_{m}(account_{m}, {other}):\n"
        f'    """Loads the {word} of an account, step {n}."""\n'
        f"    return account_{m}.{other}(step={n * m})\n"
    )


async def streaming(size: Size, folder: Path) -> list[Row]:
    """The latency that the path engine -> event log -> socket -> client adds to a token."""
    async with running(folder, PacedEngine()) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        prompt = {"session": session, "turn": "t", "text": "?", "retrieval": "off", "max_tokens": size.tokens}
        latencies_ms: list[float] = []
        await socket.call("session/prompt", **prompt)
        while not (socket.events and socket.events[-1]["type"] == "end"):
            message = await socket.receive()
            arrived = time.perf_counter()
            text = message.get("params", {}).get("text", "") if message["params"]["type"] == "delta" else ""
            latencies_ms += [(arrived - float(stamp)) * 1000 for stamp in text.split()]
    measured = f"p50 {statistics.median(latencies_ms):.2f} ms, p95 {_p95(latencies_ms):.2f} ms"
    return [(f"WebSocket, delay added to each of {len(latencies_ms)} tokens (committed to the log first)", measured)]


def starting(size: Size, folder: Path) -> Iterator[Row]:
    """From the command to its first output."""
    help_s = []
    for _ in range(size.starts):
        start = time.perf_counter()
        subprocess.run([*LANTERN, "--help"], env=environment(folder), capture_output=True, check=True)
        help_s.append(time.perf_counter() - start)
    yield "`lantern --help`", f"{statistics.median(help_s):.2f} s"
    accepting, loaded = [], []
    for n in range(size.starts):
        start = time.perf_counter()
        with serving(folder / str(n)) as served:
            accepting.append(time.perf_counter() - start)
            while not httpx.get(f"{served.url}/health", trust_env=False).json()["embedder_loaded"]:
                time.sleep(0.02)
            loaded.append(time.perf_counter() - start)
    yield "server accepts connections", f"{statistics.median(accepting):.2f} s"
    yield "embedder loaded, in the background", f"{statistics.median(loaded):.2f} s"


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def rows(size: Size) -> Iterator[Row]:
    """Every row of the table, as soon as it is measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from starting(size, folder / "starts")
        yield from reading(size)
        yield from indexing(size, folder / "indexing")
        yield from searching(size, folder)
        yield from asyncio.run(streaming(size, folder / "stream"))


def main() -> None:
    limit_openmp_spin()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything")
    size = QUICK if parser.parse_args().quick else FULL
    print(f"{platform.platform()}, Python {platform.python_version()}\n\n| what | measured |\n|---|---|")
    for what, measured in rows(size):
        print(f"| {what} | {measured} |", flush=True)


if __name__ == "__main__":
    main()
