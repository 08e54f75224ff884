"""The reference for prompts: a model's own template, rendered as it is and tokenised by llama.cpp as a whole.

`python -m tests.real.oracle` is a process of its own that loads vocabularies only. It reads a list of model names and
files with conversations, and writes the reference tokens and those of Lantern.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from jinja2.sandbox import ImmutableSandboxedEnvironment

from backend.engines.loader import LoadedEngine, chat_format_of
from models.gguf.header import read_header
from models.llama.bindings import library
from models.llama.worker.encoding import encode
from models.llama.worker.vocabulary import Vocabulary
from models.registry import Registry
from prompts.formats import render


def compared(name: str, path: Path, conversations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each conversation: text and tokens of the reference, our tokens, and our control tokens."""
    vocabulary = Vocabulary.load(path, only_vocabulary=True)
    bos, eos = vocabulary.text(vocabulary.bos), vocabulary.text(vocabulary.eos)
    template = read_header(path).chat_template
    own = SimpleNamespace(chat_template=template, bos=bos, eos=eos)
    chat = chat_format_of(Registry(path.parent).spec(name), cast(LoadedEngine, own))
    answers = []
    for conversation in conversations:
        text = rendered(template, bos, eos, conversation)
        segments = render(chat, conversation["system"], conversation["exchanges"], conversation["question"])
        ours = encode(vocabulary, segments)
        controls = [token for token in ours if token in vocabulary.controls]
        answers.append({"text": text, "reference": tokenised(vocabulary, text), "ours": ours, "controls": controls})
    vocabulary.close()
    return answers


def rendered(template: str, bos: str, eos: str, conversation: dict[str, Any]) -> str:
    """As the model's own tokenizer would render it, without any code of Lantern."""
    messages = [{"role": "system", "content": conversation["system"]}] if conversation["system"] else []
    for user, answer in conversation["exchanges"]:
        messages += [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    messages.append({"role": "user", "content": conversation["question"]})
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
