"""What a prompt has to be: a model's own template rendered as it is, its text tokenised by llama.cpp as a whole.

`python -m tests.real.oracle` is a process of its own that loads vocabularies only: from standard input a list of model
names and files, each with its conversations, out come the reference and what Lantern makes of the same.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from jinja2.sandbox import ImmutableSandboxedEnvironment

from backend.engines.loader import LoadedEngine, format_of
from models.gguf.header import read_header
from models.llama.bindings import library
from models.llama.worker.encoding import encode
from models.llama.worker.vocabulary import Vocabulary
from models.registry import Registry
from prompts.formats import render


def compared(name: str, path: Path, conversations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each conversation the reference's text and tokens, our tokens, and those of ours that are control tokens."""
    vocabulary = Vocabulary.load(path, only_vocabulary=True)
    bos, eos = vocabulary.text(vocabulary.bos), vocabulary.text(vocabulary.eos)
    template = read_header(path).chat_template
    own = SimpleNamespace(chat_template=template, bos=bos, eos=eos)
    chat = format_of(Registry(path.parent).spec(name), cast(LoadedEngine, own))
    answers = []
    for told in conversations:
        text = rendered(template, bos, eos, told)
        segments = render(chat, told["system"], told["exchanges"], told["question"])
        ours = encode(vocabulary, segments)
        controls = [token for token in ours if token in vocabulary.controls]
        answers.append({"text": text, "reference": tokenised(vocabulary, text), "ours": ours, "controls": controls})
    vocabulary.close()
    return answers


def rendered(template: str, bos: str, eos: str, told: dict[str, Any]) -> str:
    """As the model's own tokenizer would: no code of ours has a part in it."""
    messages = [{"role": "system", "content": told["system"]}] if told["system"] else []
    for user, answer in told["exchanges"]:
        messages += [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    messages.append({"role": "user", "content": told["question"]})
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    drawn = environment.from_string(template)
    return drawn.render(messages=messages, add_generation_prompt=True, bos_token=bos, eos_token=eos)


def tokenised(vocabulary: Vocabulary, text: str) -> list[int]:
    """`llama_tokenize` with BOS where the model wants one, control texts parsed."""
    api, data = library(), text.encode()
    buffer = (api.llama_token * (len(data) + 8))()
    vocab = api.llama_model_get_vocab(vocabulary.model)
    return list(buffer[: api.llama_tokenize(vocab, data, len(data), buffer, len(buffer), True, True)])


if __name__ == "__main__":
    given = json.load(sys.stdin)
    json.dump([compared(name, Path(path), conversations) for name, path, conversations in given], sys.stdout)
