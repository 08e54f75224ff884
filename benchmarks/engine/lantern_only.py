"""Measurements of Lantern alone: forecasts, the promised first token, a smaller KV cache, swaps of models."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from backend.config import Settings
from benchmarks.engine.clients import Session, TimedAnswer
from benchmarks.engine.peers import Machine, lantern, lantern_served
from benchmarks.engine.processes import family, resident_bytes
from benchmarks.engine.rows import Figures, ask_once, turns, warm
from benchmarks.engine.workload import ROOT, Workload
from tests.tiny_gguf import LLAMA3, PHI3, tiny_dir

PROMISED_S = 10.0  # the default; more if the machine takes longer for `_LEAST_TOKENS`, below which no code fits
_LEAST_TOKENS = 320
_SHORT_S = 1.0  # a first token that comes sooner needs no forecast
_QUESTIONS = (
    "How are the results of the searches put together into one ranking?",
    "Why would a chunk be shown again under the number it had before?",
    "How does the index notice that a file changed while it was being read?",
    "What keeps secrets in source files from getting into a prompt?",
    "How is it decided that nothing in the codebase answers a question?",
    "How are names like parse_config and parseConfig made to match?",
    "What happens to the oldest exchanges when a conversation gets too long?",
    "Which work is done in other processes when a large codebase is indexed?",
)


def forecasts(answers: Sequence[TimedAnswer]) -> Figures:
    """The error of the server's first forecast of the first text, as a share of the wait. Empty if it gave none."""
    waits = [answer for answer in answers if answer.first_s >= _SHORT_S]
    errors = [abs(item.forecast - item.times[0]) / item.first_s for item in waits if item.forecast is not None]
    if not errors:
        return {}
    within = sum(error <= 0.2 for error in errors) / len(waits)
    return {"waits": len(waits), "median error": statistics.median(errors), "within 20 %": within}


async def promises(machine: Machine, folder: Path, load: Workload, token_s: float) -> Figures:
    """Questions of new conversations about a package of this repository, each with a promised first token.

    `token_s`: the time per token of a cold read.
    """
    within_s = max(PROMISED_S, _LEAST_TOKENS * token_s)
    root = str(ROOT / load.sizes.package)
    with lantern_served(machine, folder) as served:
        served.post("/index", {"path": root, "wait": True})
        waits = []
        for n in range(load.sizes.promises + 1):
            conversation = await Session.open(served.url, served.headers, workspace=root)
            question = _QUESTIONS[n % len(_QUESTIONS)]
            answer = await conversation.ask(question, 8, retrieval="auto", first_token_s=within_s)
            waits.append(answer.first_s)
            await conversation.close()
    waits = waits[1:]  # the first one loads the model, and has no measured rates to plan with
    kept_share = sum(wait <= within_s for wait in waits) / len(waits)
    return {"promised": len(waits), "within_s": within_s, "kept": kept_share, "worst": max(waits)}


async def smaller_cache(machine: Machine, folder: Path, load: Workload) -> Figures:
    """The first rows again with an 8-bit KV cache. Empty if there is no such setting."""
    if "kv_type" not in Settings.model_fields:
        return {}
    figures: Figures = {}
    async with lantern(machine, folder, KV_TYPE="q8_0") as peer:
        await warm(peer)
        await turns(peer, load, figures, [])
        figures["decode"] = (await ask_once(peer, load.code(load.sizes.code), load.sizes.decode, temperature=1.0)).rate
        figures["memory, 2 conversations"] = resident_bytes(*family(peer.pid))
    return figures


async def swaps(machine: Machine, folder: Path, n: int) -> Figures:
    """Two tiny models in turn: the growth of the server's own process since both have been loaded once."""
    with lantern_served(machine, folder, MODELS_DIR=tiny_dir(), MODEL_NAME=PHI3.model) as served:
        conversation = await Session.open(served.url, served.headers)
        before = 0
        for turn in range(n + 2):
            if turn == 2:  # both have been loaded once
                before = resident_bytes(served.process.pid)
            await conversation.ask("Hello", 1, model=(PHI3, LLAMA3)[turn % 2].model)
        after = resident_bytes(served.process.pid)
        await conversation.close()
    return {"swaps": n, "before": before, "after": after, "grown": after / before - 1}
