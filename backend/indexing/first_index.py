"""A question about a codebase whose first index is being made waits for it, within reason: an answer needs code."""

import asyncio
import time
from collections.abc import Callable

from backend.indexing.jobs import Job
from indexer.types import Progress

WAIT_S = 60.0
LONG_S = 300.0  # an index that is estimated to take longer is not waited for
_POLL_S = 0.1


async def wait_for_index(job: Job, show: Callable[[Progress], None]) -> str:
    """Returns when the job has ended or takes too long, with what the reader of the answer has to know; "" if nothing.

    `show` gets the progress of the job whenever it has changed.
    """
    latest, shown = time.monotonic() + WAIT_S, None
    while job.state in ("queued", "running"):
        if time.monotonic() >= latest or (job.progress.eta_s or 0.0) > LONG_S:
            progress = job.progress  # without a total the job has not begun; an earlier one may have left files
            far = f" ({progress.done} of {progress.total} files so far)" if progress.total else ""
            return f"The codebase is still being indexed{far}: this answer may miss code."
        if job.progress != shown:
            shown = job.progress
            show(shown)
        await asyncio.sleep(_POLL_S)
    return f"The index of the codebase is not complete: {job.error.message}" if job.error else ""
