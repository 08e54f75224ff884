"""The settings of a command, and the catalogue of models that they name. A malformed setting is a usage error."""

from typing import TYPE_CHECKING, Any

from backend.cli.errors import USAGE, CommandFailed, model_errors
from backend.config import BadSetting, Settings, load_settings

if TYPE_CHECKING:
    from models.registry import Registry


def command_settings(**options: Any) -> Settings:
    """The settings of the environment; options of the command line go first. Raises `CommandFailed` (2)."""
    try:
        return load_settings(**options)
    except BadSetting as error:
        raise CommandFailed(str(error), USAGE) from None


def open_registry(settings: Settings) -> "Registry":
    """The catalogue and the installed models. Raises `CommandFailed` (4) if the catalogue cannot be read."""
    from models.registry import Registry  # most commands need no catalogue

    with model_errors():
        return Registry(settings.models_dir, settings.user_catalogue)
