"""Progress of a tool, as notifications. Clients want numbers that only grow, and not one for each token."""

import time
from typing import Any

from mcp.server.mcpserver import Context

INTERVAL_S = 0.5


class ProgressReporter:
    """Reports to the client of one call; without its progress token the SDK sends nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._last, self._next_at = -1.0, 0.0

    async def report(self, done: float, total: float | None, message: str) -> None:
        """Tells how far it is, unless it said so less than `INTERVAL_S` ago."""
        now = time.monotonic()
        if done <= self._last or now < self._next_at:
            return
        self._last, self._next_at = done, now + INTERVAL_S
        await self._context.report_progress(done, total, message)

    async def event(self, event: dict[str, Any], count: int) -> None:
        """Tells the stage of a turn, after an event of it; `count`: of all its events so far."""
        if event["type"] == "status":
            part = f" {event['done']}/{event['total']}" if event.get("total") else ""
            eta = f", {event['eta_ms'] / 1000:.0f} s left" if "eta_ms" in event else ""
            await self.report(count, None, f"{event['stage']}{part}{eta}")
        elif event["type"] == "delta":
            await self.report(count, None, "generating")
