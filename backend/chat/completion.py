"""Filling in code at the cursor: what is around it, as the model that has the tokens for it wants to be asked."""

from contextlib import aclosing
from dataclasses import replace

from backend.engines.pool import EnginePool
from backend.errors import ApiError
from backend.metrics import Metrics
from prompts.passthrough import fim_prompt

# What is farther from the cursor says little, and would be read again with each letter typed.
BEFORE, BEHIND = 4000, 1000  # characters


async def complete(engines: EnginePool, stats: Metrics, prefix: str, suffix: str, max_tokens: int) -> dict[str, str]:
    """Text and reason. Raises `ApiError` where the server's model cannot fill in the middle."""
    async with engines.use("") as ready:
        engine = ready.engine
        if engine.fim is None:
            raise ApiError(
                "model_unavailable", f"{engine.name} cannot fill in the middle: set MODEL_NAME to one that can"
            )
        prompt = fim_prompt(engine.fim, _from_a_line(prefix), suffix[:BEHIND])
        sampling = replace(ready.sampling, max_tokens=max_tokens, temperature=0.0)
        text, reason = "", ""
        async with aclosing(stats.counted(engine.stream(prompt, sampling))) as deltas:
            async for delta in deltas:
                text, reason = text + delta.text, delta.reason or reason
        return {"text": text, "reason": reason}


def _from_a_line(prefix: str) -> str:
    """The end of it, from the beginning of a line on. It moves by half its length at a time, so that what was read
    stays known.
    """
    if len(prefix) <= BEFORE:
        return prefix
    start = (len(prefix) - BEFORE) // (BEFORE // 2) * (BEFORE // 2)
    line = prefix.find("\n", start)
    return prefix[line + 1 if line >= 0 else start :]
