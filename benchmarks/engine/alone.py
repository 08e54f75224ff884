"""What only Lantern has, or only Lantern promises: forecasts, a first token in time, a smaller cache, swaps."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from backend.config import Settings
from benchmarks.engine.clients import Heard, Session
from benchmarks.engine.load import ROOT, Load
from benchmarks.engine.peers import Machine, lantern, lantern_served
from benchmarks.engine.processes import family, resident_bytes
from benchmarks.engine.rows import Figures, one, turns, warm
from tests.tiny_gguf import LLAMA3, PHI3, tiny_dir

PROMISED_S = 10.0  # as by default; longer where `_READABLE` tokens take longer: less is no prompt with code in it
_READABLE = 320
_SHORT_S = 1.0  # a first token that came sooner needs no forecast
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


def forecasts(heard: Sequence[Heard]) -> Figures:
    """How far the server's first forecast was from the first text, as a share of the wait. No figure: it told none."""
    waited = [(one.forecast, one) for one in heard if one.first_s >= _SHORT_S]
    errors = [abs(told - one.times[0]) / one.first_s for told, one in waited if told is not None]
    if not errors:
        return {}
    within = sum(error <= 0.2 for error in errors) / len(waited)
    return {"waits": len(waited), "median error": statistics.median(errors), "within 20 %": within}


async def promises(machine: Machine, folder: Path, load: Load, token_s: float) -> Figures:
    """Questions of new conversations about a package of this repository, each with a promised first token. `token_s`
    is what one token of a cold read takes.
    """
    within_s = max(PROMISED_S, _READABLE * token_s)
    root = str(ROOT / load.sizes.package)
    with lantern_served(machine, folder) as served:
        served.post("/index", {"path": root, "wait": True})
        waits = []
        for n in range(load.sizes.promises + 1):
            talk = await Session.open(served.url, served.headers, workspace=root)
            question = _QUESTIONS[n % len(_QUESTIONS)]
            answer = await talk.ask(question, 8, retrieval="auto", first_token_s=within_s)
            waits.append(answer.first_s)
            await talk.close()
    waits = waits[1:]  # the first one loaded the model, and its rates were not known yet
    kept = sum(wait <= within_s for wait in waits) / len(waits)
    return {"promised": len(waits), "within_s": within_s, "kept": kept, "worst": max(waits)}


async def smaller_cache(machine: Machine, folder: Path, load: Load) -> Figures:
    """The first rows again with the cache in eight bits; none where there is no such setting."""
    if "kv_type" not in Settings.model_fields:
        return {}
    figures: Figures = {}
    async with lantern(machine, folder, KV_TYPE="q8_0") as peer:
        await warm(peer)
        await turns(peer, load, figures, [])
        figures["decode"] = (await one(peer, load.code(load.sizes.code), load.sizes.decode, temperature=1.0)).rate
        figures["memory, 2 conversations"] = resident_bytes(*family(peer.pid))
    return figures


async def swaps(machine: Machine, folder: Path, n: int) -> Figures:
    """Two tiny models in turn: what the server's own process takes at the end, as a share of that after the first."""
    with lantern_served(machine, folder, MODELS_DIR=tiny_dir(), MODEL_NAME=PHI3.model) as served:
        talk = await Session.open(served.url, served.headers)
        before = 0
        for turn in range(n + 2):
            if turn == 2:  # both have been loaded once
                before = resident_bytes(served.process.pid)
            await talk.ask("Hello", 1, model=(PHI3, LLAMA3)[turn % 2].model)
        after = resident_bytes(served.process.pid)
        await talk.close()
    return {"swaps": n, "before": before, "after": after, "grown": after / before - 1}
