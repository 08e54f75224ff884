"""Fine-tunes the upper layers of a BERT, so that the mean vector of a query lies near that of its code.

Contrastive, like `train` for the static table. Knows torch and transformers, but not where the pairs come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize
from torch.optim.lr_scheduler import LambdaLR
from transformers import AutoModel, PreTrainedModel

from indexer.training.train import LossLog, contrastive

Ids = NDArray[np.int64]

_QUERY_PARTS, _CODE_PARTS = 6, 3  # of a batch, by length: queries differ most
_WARM_UP = 0.1  # share of the steps in which the learning rate rises
_DECAY = 0.01  # weight decay, of matrices only
_CLIP = 1.0  # norm of the gradient
_TWINS = 0.93  # cosine of two codes from which on neither is a wrong answer to the other's query
_REPORT = 10  # steps
_HAS_BF16 = bool(torch.cpu.get_capabilities().get("avx512_bf16"))  # else half floats take many times as long


@dataclass(frozen=True, slots=True)
class Texts:
    """The query of pair i is `queries[i]`, its answer `codes[answer[i]]`."""

    queries: Sequence[Ids]
    codes: Sequence[Ids]
    answer: NDArray[np.int64]
    query: NDArray[np.int64]  # an id of the query's text, equal for pairs with the same one
    likeness: NDArray[np.float32]  # a unit vector for each code


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """How to fine-tune."""

    frozen: int  # lower layers that stay as they are
    rate: float  # peak of the learning rate, which rises from 0 and falls to 0
    share: float  # of the change that is taken, so that the model keeps what it knew [WiSE-FT; Wortsman et al. 2022]
    seed: int


def tune(
    folder: Path, texts: Texts, batches: Sequence[NDArray[np.int64]], settings: TuneSettings
) -> dict[str, NDArray[np.float32]]:
    """The trained layers, by name, after a step for each batch. `folder`: of the initial BERT. Prints the loss."""
    torch.manual_seed(settings.seed)
    model = _load(folder, settings.frozen)
    before = {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}
    trained = [value for value in model.parameters() if value.requires_grad]
    optimizer, schedule = _adam(trained, settings.rate, len(batches))
    losses = LossLog(len(batches), _REPORT)
    for batch in batches:
        loss = _loss(model, texts, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, _CLIP)
        optimizer.step()
        schedule.step()
        losses.add(loss.item())
    after = dict(model.named_parameters())
    return {name: torch.lerp(old, after[name].detach(), settings.share).numpy() for name, old in before.items()}


def _loss(model: PreTrainedModel, texts: Texts, batch: NDArray[np.int64]) -> torch.Tensor:
    code, query = texts.answer[batch], texts.query[batch]
    query_vectors = _vectors(model, [texts.queries[index] for index in batch], _QUERY_PARTS)
    code_vectors = _vectors(model, [texts.codes[index] for index in code], _CODE_PARTS)
    twins = texts.likeness[code] @ texts.likeness[code].T > _TWINS
    return contrastive(query_vectors, code_vectors, twins | (code[:, None] == code) | (query[:, None] == query))


def _load(folder: Path, frozen: int) -> PreTrainedModel:
    """Trains the layers from `frozen` on only. Without dropout: an hour's steps are too few to overfit."""
    model: PreTrainedModel = AutoModel.from_pretrained(str(folder), attn_implementation="eager", dtype=torch.float32)
    for name, value in model.named_parameters():
        value.requires_grad_(name.startswith("encoder.layer.") and int(name.split(".")[2]) >= frozen)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model.train()


def _adam(trained: Sequence[torch.nn.Parameter], rate: float, steps: int) -> tuple[torch.optim.AdamW, LambdaLR]:
    matrices, vectors = [v for v in trained if v.ndim > 1], [v for v in trained if v.ndim < 2]
    groups = [{"params": matrices, "weight_decay": _DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, rate)
    warm = max(1, int(_WARM_UP * steps))
    return optimizer, LambdaLR(optimizer, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm)))


def _vectors(model: PreTrainedModel, texts: Sequence[Ids], parts: int) -> torch.Tensor:
    """(len(texts), dim), unit vectors. Texts of similar length run together, so that little is padded."""
    order = np.argsort([len(ids) for ids in texts], kind="stable")
    means = torch.cat([_means(model, [texts[index] for index in part]) for part in np.array_split(order, parts)])
    return normalize(means[torch.from_numpy(np.argsort(order))], dim=1)


def _means(model: PreTrainedModel, texts: Sequence[Ids]) -> torch.Tensor:
    ids = torch.zeros((len(texts), max(map(len, texts))), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.from_numpy(text)
        mask[row, : len(text)] = 1
    with torch.autocast("cpu", torch.bfloat16, enabled=_HAS_BF16):
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    weight = mask[:, :, None]
    return (hidden * weight).sum(1) / weight.sum(1)
