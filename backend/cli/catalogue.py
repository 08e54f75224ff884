"""The models of a command: the catalogue that its settings name, and their errors as the command's."""

from collections.abc import Iterator
from contextlib import contextmanager

from backend.cli.errors import MODEL_UNAVAILABLE, CommandFailed
from backend.cli.settings import settings
from models.errors import ModelError
from models.registry import Registry


def open_registry() -> Registry:
    chosen = settings()
    with told():
        return Registry(chosen.models_dir, chosen.user_catalogue)


@contextmanager
def told() -> Iterator[None]:
    """A model's error as the command's."""
    try:
        yield
    except ModelError as error:
        raise CommandFailed(str(error), MODEL_UNAVAILABLE) from None
