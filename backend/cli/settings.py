"""The settings of a command; a malformed one is a usage error."""

from typing import Any

from backend.cli.errors import USAGE, CommandFailed
from backend.config import BadSetting, Settings, load_settings


def settings(**given: Any) -> Settings:
    """The environment's settings under those given on the command line."""
    try:
        return load_settings(**given)
    except BadSetting as error:
        raise CommandFailed(str(error), USAGE) from None
