"""The settings of a command, and the catalogue of models that they name. A malformed setting is a usage error."""

from typing import TYPE_CHECKING, Any

from backend.cli import output
from backend.cli.errors import USAGE, CommandFailed, model_errors
from backend.config import BadSetting, Settings, load_settings
from backend.data_folder import make_private

if TYPE_CHECKING:
    from models.registry import Registry


def command_settings(**options: Any) -> Settings:
    """The settings of the environment; options of the command line go first. Raises `CommandFailed` (2).

    The data folder is made private, with a word on the terminal. Raises `UnsafeDataFolder`.
    """
    try:
        settings = load_settings(**options)
    except BadSetting as error:
        raise CommandFailed(str(error), USAGE) from None
    for note in make_private(settings.data_dir):
        output.note(note)
    return settings


def open_registry(settings: Settings) -> "Registry":
    """The catalogue and the installed models. Raises `CommandFailed` (4) if the catalogue cannot be read."""
    from models.registry import Registry  # most commands need no catalogue

    with model_errors():
        return Registry(settings.models_dir, settings.user_catalogue)
