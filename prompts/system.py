"""The system prompt that every model gets unless the catalogue names another."""

from pathlib import Path

SYSTEM = Path(__file__).with_name("system.md").read_text(encoding="utf-8")
