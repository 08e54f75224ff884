"""`make fuzz-gguf`: 2,000 damaged model files, each through the check of its header and then through llama.cpp.

What the check lets pass is loaded and asked by the very process that serves a model (`worker.main`), forked here from
one that has the library open already: a start costs 20 ms instead of 700. Tells how the files end; one that neither
answers, nor is refused, nor ends its process within `PATIENCE_S` is a failure.
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
from models.llama.wire import LoadRequest, Message, pack_sampling, packed
from models.llama.worker.main import main as serve
from models.types import Sampling
from tests.proved import proved
from tests.speck import write_speck

ALL, QUICK = 2000, 200
PATIENCE_S = 20.0
_EXTREMES = (0, 1, 2**31 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
KINDS = ("flip in the header", "flip in the tensor table", "flip in the weights", "cut", "length swapped", "length set")


def mutants(whole: Path, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Damaged copies for ever, each with the kind of its damage."""
    chance, data = random.Random(seed), whole.read_bytes()
    reader = GGUFReader(whole)
    base = reader.data.ctypes.data
    parts = [part for field in reader.fields.values() for part in field.parts]
    table_parts = [part for tensor in reader.tensors for part in tensor.field.parts]
    table, weights = min(part.ctypes.data for part in table_parts) - base, reader.data_offset
    numbers = [part for part in (*parts, *table_parts) if part.dtype == np.uint64]
    lengths = sorted({part.ctypes.data - base + 8 * n for part in numbers for n in range(part.size)})
    spans = dict(zip(KINDS, ((0, table), (table, weights), (weights, len(data))), strict=False))
    for kind in cycle(KINDS):
        made = bytearray(data)
        match kind:
            case "cut":
                begin = chance.randrange(len(data))
                del made[begin : begin + chance.choice((len(data), chance.randint(1, 64)))]
            case "length swapped":
                one = chance.choice(lengths)
                two = chance.choice([at for at in lengths if data[at : at + 8] != data[one : one + 8]])
                made[one : one + 8], made[two : two + 8] = data[two : two + 8], data[one : one + 8]
            case "length set":
                place = chance.choice(lengths)
                near = int.from_bytes(data[place : place + 8], "little") + chance.choice((-1, 1, 8))
                made[place : place + 8] = (chance.choice((*_EXTREMES, near)) % 2**64).to_bytes(8, "little")
            case _:
                for _ in range(chance.choice((1, 1, 2, 8))):
                    made[chance.randrange(*spans[kind])] ^= 1 << chance.randrange(8)
        yield kind, bytes(made)


def fate(path: Path, without: tuple[str, ...]) -> str:
    """How a file ends: refused by its header, refused (by llama.cpp), answered, hung, or what its process died of."""
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
        said = _asked(ours, LoadRequest(str(path), min(256, header.context_length), 1, without=without))
        if said:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "itself"
    return said or f"died of {how}"


def _asked(channel: socket.socket, order: LoadRequest) -> str:
    """What the process says when it is asked for a few tokens; "" if it is gone before."""
    until = time.monotonic() + PATIENCE_S
    question = {
        "do": "generate",
        "id": 1,
        "segments": [["Hello.", False, False]],
        "ahead": False,
        "is_continuation": False,
    }
    question |= {"marks": [], "filtered": False}
    with contextlib.suppress(ConnectionError), channel.makefile("rb") as lines:
        channel.sendall(packed(asdict(order)))
        while (left := until - time.monotonic()) > 0:
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
                channel.sendall(packed(question | {"sampling": pack_sampling(Sampling(max_tokens=4))}))
        return "hung"
    return ""


def survive(folder: Path, count: int, seed: int = 0, keep: Path | None = None) -> Counter[tuple[str, str]]:
    """(damage, fate) of `count` files. What died or hung is kept in `keep`."""
    whole, file = folder / "speck.gguf", folder / "damaged.gguf"
    write_speck(whole)
    without = tuple(name for name in SUSPECTS if name not in proved(whole))
    library()  # what is imported before the fork is not imported after it
    assert fate(whole, without) == "answered"
    fates: Counter[tuple[str, str]] = Counter()
    for number, (kind, data) in enumerate(islice(mutants(whole, seed), count)):
        file.write_bytes(data)
        end = fate(file, without)
        fates[kind, end] += 1
        if keep and end.startswith(("died", "hung")):
            (keep / f"{number:04}-{end.replace(' ', '-')}.gguf").write_bytes(data)
    return fates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} files instead of {ALL}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the files whose process died or hung")
    asked = parser.parse_args()
    count = QUICK if asked.quick else ALL
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        fates = survive(Path(name), count, asked.seed, asked.keep)
    for (kind, end), times in sorted(fates.items()):
        print(f"{times:5}  {kind}: {end}")
    hung = sum(times for (_, end), times in fates.items() if end == "hung")
    print(f"{count} damaged files in {time.perf_counter() - began:.0f} s; {hung} hung")
    sys.exit(hung > 0)


if __name__ == "__main__":
    main()
