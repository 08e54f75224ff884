"""Models of sentence-transformers: the published vectors, and the message where a model or a library is missing."""

import sys
from pathlib import Path

import pytest

from indexer.embedding.sentence import SentenceEmbedder
from indexer.errors import EmbedderUnavailable
from indexer.training.published import minilm_folder


def test_minilm_gives_its_published_neighbours() -> None:
    embedder = SentenceEmbedder(str(minilm_folder()))
    assert (embedder.model_id, embedder.dim) == ("model@53aa51172d14", 384)
    # The published model gives 0.6945 in fp32; bf16 is allowed 0.01.
    person, dog = embedder.embed_documents(["That is a happy person", "That is a happy dog"])
    assert float(person @ dog) == pytest.approx(0.6945, abs=0.01)


def test_a_model_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    for name in ("nobody/no-such-model", str(tmp_path)):
        with pytest.raises(EmbedderUnavailable, match="hf download"):
            SentenceEmbedder(name)


@pytest.mark.parametrize("library", ["torch", "sentence_transformers", "transformers"])
def test_without_the_libraries_the_extra_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(EmbedderUnavailable, match=r"'BAAI/bge-small' needs .*: pip install 'lantern\[embedders\]'"):
        SentenceEmbedder("BAAI/bge-small")
