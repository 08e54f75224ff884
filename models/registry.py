"""The models and their files: the built-in catalogue, the user's entries, and files dropped in the folder.

A name is only ever looked up, never taken as a path. Does not load models.
"""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

from models.catalog import BUILT_IN, read_catalogue, to_spec
from models.errors import ModelError, ModelUnavailable, UnknownModel
from models.gguf.header import PART, read_header, split_parts
from models.hardware import check_fits, memory_limit
from models.memory_plan import MIN_CONTEXT
from models.types import ModelSpec, ModelState

PREFERRED = "phi3-mini"  # what an unset MODEL_NAME means where it is installed, and where nothing is


class Registry:
    """The models of one folder. Files are looked for at each call, so that a download shows up at once."""

    def __init__(self, models_dir: Path, user_catalogue: Path | None = None) -> None:
        """Raises ModelError, with file, entry and field, when a catalogue is malformed."""
        self.models_dir, self.user_catalogue = models_dir, user_catalogue
        self._entries = read_catalogue(BUILT_IN, {})
        if user_catalogue is not None and user_catalogue.is_file():
            self._entries = read_catalogue(user_catalogue, self._entries)

    def names(self) -> list[str]:
        """Catalogue entries first, then files that no entry names, by their stem."""
        return [*self._entries, *self._loose_files()]

    def spec(self, name: str) -> ModelSpec:
        """Raises UnknownModel for anything that is not exactly one of `names`."""
        if name in self._entries:
            return to_spec(name, self._entries[name])
        loose = self._loose_files()
        if name not in loose:
            raise UnknownModel(name, self.names())
        return ModelSpec(name, (loose[name],))

    def spec_for_path(self, path: Path) -> ModelSpec:
        """A model file the owner of this machine names by path. Where the catalogue knows its file name, that entry."""
        where = (str(path.expanduser().absolute()),)
        for name in self._entries:
            spec = to_spec(name, self._entries[name])
            if path.name.lower() in _filenames(spec):
                return replace(spec, filenames=where)
        return ModelSpec(path.stem, where)

    def locate(self, spec: ModelSpec) -> Path | None:
        """The file of a model, if it is here. Names in the folder match without regard to case."""
        here = {path.name.lower(): path for path in self._files()}
        for filename in spec.filenames:
            path = Path(filename)
            if path.is_absolute():
                if path.is_file():
                    return path
            elif filename.lower() in here:
                return here[filename.lower()]
        return here.get(f"{spec.name}.gguf".lower())

    def states(self) -> list[ModelState]:
        """Every model as found here, with the reason where its file cannot be used. Reads headers, loads nothing."""
        return [self._state(self.spec(name)) for name in self.names()]

    def installed(self) -> list[ModelState]:
        """The models whose files are here, unread: `states` would take tenths of a second."""
        found = [(spec, self.locate(spec)) for spec in map(self.spec, self.names())]
        return [ModelState(spec, path, _bytes(path)) for spec, path in found if path is not None]

    def default(self) -> str:
        """The name that an unset MODEL_NAME means: phi3-mini if it is installed, else the installed catalogue entry
        with the largest file among those whose memory need this machine can hold, else phi3-mini.
        """
        here = {}
        for name in self._entries:
            spec = self.spec(name)
            if (path := self.locate(spec)) is not None:
                size = _bytes(path)
                here[name] = (max(spec.memory_bytes, size) <= memory_limit(), size)
        if PREFERRED in here or not here:
            return PREFERRED
        fitting = {name: size for name, (fits, size) in here.items() if fits}
        return max(fitting, key=fitting.__getitem__) if fitting else min(here, key=here.__getitem__)

    def add(self, file: Path) -> ModelSpec:
        """Enters a GGUF in the user's catalogue under its stem. Raises ModelError if it is no usable model or taken."""
        if self.user_catalogue is None:
            raise ModelError("there is no user catalogue to add to")
        file = file.expanduser().absolute()
        read_header(file)
        written = self.user_catalogue.read_text("utf-8") if self.user_catalogue.is_file() else ""
        if file.stem in tomllib.loads(written):
            raise ModelError(f"{self.user_catalogue} already has an entry {file.stem!r}: edit or remove it first")
        entry = f"[{_quoted(file.stem)}]\nfilenames = [{_quoted(str(file))}]\n"
        self.user_catalogue.parent.mkdir(parents=True, exist_ok=True)
        part = self.user_catalogue.with_name(self.user_catalogue.name + ".part")
        part.write_text(f"{written.rstrip()}\n\n{entry}".lstrip(), "utf-8")
        part.replace(self.user_catalogue)
        self._entries = read_catalogue(self.user_catalogue, self._entries)
        return self.spec(file.stem)

    def _state(self, spec: ModelSpec) -> ModelState:
        path = self.locate(spec)
        if path is None:
            return ModelState(spec, None, spec.size_bytes)
        try:
            header = read_header(path)
        except ModelUnavailable as error:
            return ModelState(spec, path, path.stat().st_size, str(error))
        try:
            # A load shortens the context until it fits.
            check_fits(header, min(MIN_CONTEXT, spec.context_length, header.context_length))
        except ModelUnavailable as error:
            return ModelState(spec, path, header.file_bytes, str(error))
        return ModelState(spec, path, header.file_bytes)

    def _files(self) -> list[Path]:
        """GGUF files in the folder; of a split model the first part stands for all."""
        if not self.models_dir.is_dir():
            return []
        files = sorted(path for path in self.models_dir.iterdir() if path.suffix.lower() == ".gguf" and path.is_file())
        return [path for path in files if (part := PART.search(path.name)) is None or int(part[1]) == 1]

    def _loose_files(self) -> dict[str, str]:
        """stem -> file name of what no entry names."""
        specs = [to_spec(name, fields) for name, fields in self._entries.items()]
        claimed = {filename for spec in specs for filename in _filenames(spec)}
        return {path.stem: path.name for path in self._files() if path.name.lower() not in claimed}


def _bytes(path: Path) -> int:
    try:
        return sum(part.stat().st_size for part in split_parts(path))
    except (OSError, ModelUnavailable):  # a part is missing, which the load will say
        return 0


def _filenames(spec: ModelSpec) -> set[str]:
    return {Path(filename).name.lower() for filename in (*spec.filenames, f"{spec.name}.gguf")}


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a TOML basic string is a JSON string here
