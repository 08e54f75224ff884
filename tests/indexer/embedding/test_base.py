"""The double needs no weights and no library, and is the same in every process."""

import subprocess
import sys

import pytest

from indexer.embedding.base import HashEmbedder

pytestmark = pytest.mark.process


def output_of(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_the_double_is_the_same_in_every_process() -> None:
    program = (
        "from indexer.embedding.base import HashEmbedder; print(HashEmbedder(4).embed_query('parse tokens').tolist())"
    )
    assert output_of(program) == output_of(program) == f"{HashEmbedder(4).embed_query('parse tokens').tolist()}\n"


def test_importing_the_module_loads_no_heavy_library() -> None:
    program = (
        "import sys, indexer.embedding.base, indexer.types;"
        "print({'torch', 'transformers', 'onnxruntime', 'tokenizers'} & set(sys.modules))"
    )
    assert output_of(program) == "set()\n"
