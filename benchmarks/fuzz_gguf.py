"""`make fuzz-gguf`: 2,000 damaged model files, each through the check of its header and then through llama.cpp.

A file that passes the check is loaded and used by the process that serves models (`worker.main`). It is forked from
this one, which has loaded the library: a start costs 20 ms instead of 700. Reports the outcome of every file. A process
that does not answer, refuse or end within `TIMEOUT_S` is a failure.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from gguf import GGUFReader

from models.errors import ModelUnavailable
from models.gguf.header import read_header
from models.llama.bindings import library
from models.llama.kernels import SUSPECTS
from models.llama.wire import LoadRequest, Message, generate_message, packed
from models.llama.worker.main import main as serve
from models.types import Prompt, Sampling, Segment
from tests.minimal_models import write_minimal_llama
from tests.proved_kernels import proved_kernels

ALL, QUICK = 2000, 200
TIMEOUT_S = 20.0
_EXTREMES = (0, 1, 2**31 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
KINDS = ("flip in the header", "flip in the tensor table", "flip in the weights", "cut", "length swapped", "length set")


def mutants(original: Path, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """An endless series of damaged copies, each with the kind of its damage."""
    rng, data = random.Random(seed), original.read_bytes()
    reader = GGUFReader(original)
    base = reader.data.ctypes.data
    parts = [part for field in reader.fields.values() for part in field.parts]
    table_parts = [part for tensor in reader.tensors for part in tensor.field.parts]
    table, weights = min(part.ctypes.data for part in table_parts) - base, reader.data_offset
    numbers = [part for part in (*parts, *table_parts) if part.dtype == np.uint64]
    lengths = sorted({part.ctypes.data - base + 8 * n for part in numbers for n in range(part.size)})
    spans = dict(zip(KINDS, ((0, table), (table, weights), (weights, len(data))), strict=False))
    for kind in cycle(KINDS):
        damaged = bytearray(data)
        match kind:
            case "cut":
                begin = rng.randrange(len(data))
                del damaged[begin : begin + rng.choice((len(data), rng.randint(1, 64)))]
            case "length swapped":
                a = rng.choice(lengths)
                b = rng.choice([at for at in lengths if data[at : at + 8] != data[a : a + 8]])
                damaged[a : a + 8], damaged[b : b + 8] = data[b : b + 8], data[a : a + 8]
            case "length set":
                at = rng.choice(lengths)
                near = int.from_bytes(data[at : at + 8], "little") + rng.choice((-1, 1, 8))
                damaged[at : at + 8] = (rng.choice((*_EXTREMES, near)) % 2**64).to_bytes(8, "little")
            case _:
                for _ in range(rng.choice((1, 1, 2, 8))):
                    damaged[rng.randrange(*spans[kind])] ^= 1 << rng.randrange(8)
        yield kind, bytes(damaged)


def outcome(path: Path, without: tuple[str, ...]) -> str:
    """Refused by its header, refused (by llama.cpp), answered, hung, or what its process died of."""
    try:
        header = read_header(path)
    except ModelUnavailable:
        return "refused by its header"
    if not header.tensor_bytes:
        return "refused by its header"
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    if not (pid := os.fork()):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        ours.close()
        try:
            serve(theirs.detach(), parent)
        finally:
            os._exit(1)
    theirs.close()
    with ours:
        result = _answer(ours, LoadRequest(str(path), min(256, header.context_length), 1, without=without))
        if result:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    cause = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "itself"
    return result or f"died of {cause}"


def _answer(channel: socket.socket, load: LoadRequest) -> str:
    """How the process answers a request for a few tokens; "" if it ends before."""
    deadline = time.monotonic() + TIMEOUT_S
    request = generate_message(1, Prompt((Segment("Hello.", False),), "Hello."), Sampling(max_tokens=4))
    with contextlib.suppress(ConnectionError), channel.makefile("rb") as lines:
        channel.sendall(packed(asdict(load)))
        while (left := deadline - time.monotonic()) > 0:
            channel.settimeout(left)
            try:
                message: Message = json.loads(lines.readline() or "null")
            except TimeoutError:
                break
            if message is None:
                return ""
            if "failed" in message or "error" in message:
                return "refused"
            if "reason" in message:
                return "answered"
            if "ready" in message:
                channel.sendall(packed(request))
        return "hung"
    return ""


def outcomes(folder: Path, count: int, seed: int = 0, keep: Path | None = None) -> Counter[tuple[str, str]]:
    """Counts of (damage, outcome) over `count` files. Files whose process died or hung are copied into `keep`."""
    original, file = folder / "minimal.gguf", folder / "damaged.gguf"
    write_minimal_llama(original)
    without = tuple(name for name in SUSPECTS if name not in proved_kernels(original))
    library()  # imported once, before the forks
    if (end := outcome(original, without)) != "answered":
        raise RuntimeError(f"the undamaged file: {end}; the kernels left out: {without or 'none'}")
    counts: Counter[tuple[str, str]] = Counter()
    for number, (kind, data) in enumerate(islice(mutants(original, seed), count)):
        file.write_bytes(data)
        end = outcome(file, without)
        counts[kind, end] += 1
        if keep and end.startswith(("died", "hung")):
            (keep / f"{number:04}-{end.replace(' ', '-')}.gguf").write_bytes(data)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} files instead of {ALL}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the files whose process died or hung")
    args = parser.parse_args()
    count = QUICK if args.quick else ALL
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        counts = outcomes(Path(name), count, args.seed, args.keep)
    for (kind, end), n in sorted(counts.items()):
        print(f"{n:5}  {kind}: {end}")
    hung = sum(n for (_, end), n in counts.items() if end == "hung")
    print(f"{count} damaged files in {time.perf_counter() - start:.0f} s; {hung} hung")
    sys.exit(hung > 0)


if __name__ == "__main__":
    main()
