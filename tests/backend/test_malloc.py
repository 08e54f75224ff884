"""Threads share the arenas of the C library's allocator, so that each does not keep what its largest file needed."""

import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has arenas"),
]

# Eight threads hold and free 40 MB of small pieces, one after the other.
PROGRAM = """
import sys, threading
from pathlib import Path
from backend.malloc import share_arenas
print(share_arenas() if sys.argv[1] == "shared" else False)
barrier = threading.Barrier(8)
def work(turn):
    barrier.wait()
    for number in range(8):
        if number == turn:
            pieces = [bytearray(60_000) for _ in range(700)]
            kept = bytearray(60_000)
            del pieces
        barrier.wait()
    lasting.append(kept)
lasting = []
threads = [threading.Thread(target=work, args=(turn,)) for turn in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
"""


def resident(how: str) -> tuple[str, int]:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], env={}, capture_output=True, text=True, check=True, timeout=60
    )
    done, size = run.stdout.split()
    return done, int(size)


def test_threads_do_not_each_keep_what_they_have_freed() -> None:
    (shared, small), (own, large) = resident("shared"), resident("own")
    assert (shared, own) == ("True", "False")
    assert small < large - 50_000_000
