"""Pairs of token ids -> the upper layers of a BERT in which a query's mean vector lies near its code's.

Contrastive, as `train` is for the static table. Knows torch and transformers, but not where pairs come from.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize
from torch.optim.lr_scheduler import LambdaLR
from transformers import AutoModel, PreTrainedModel

from indexer.training.train import contrastive

Ids = NDArray[np.int64]

_QUERY_PARTS, _CODE_PARTS = 6, 3  # of a batch, by length: queries differ most
_WARM = 0.1  # share of the steps in which the rate rises
_DECAY = 0.01  # of weights that are matrices
_CLIP = 1.0  # length of a gradient
_TWINS = 0.93  # cosine of two codes from which neither is a wrong answer to the other's query
_REPORT = 10  # steps


@dataclass(frozen=True, slots=True)
class Texts:
    """Pair i asks with `queries[i]` for `codes[answer[i]]`; `likeness` has a row of unit length for each code."""

    queries: Sequence[Ids]
    codes: Sequence[Ids]
    answer: NDArray[np.int64]
    asked: NDArray[np.int64]  # equal for pairs that ask the same
    likeness: NDArray[np.float32]


def tune(
    folder: Path,
    texts: Texts,
    batches: Sequence[NDArray[np.int64]],
    *,
    frozen: int,
    rate: float,
    share: float,
    seed: int,
) -> dict[str, NDArray[np.float32]]:
    """The layers from `frozen` on, by name, after one step for each batch. Prints the loss.

    `folder` holds the BERT that it begins with. Adam's rate rises to `rate` and falls to 0. Of what was learned `share`
    is taken, so that what the model knew of other text is not lost [WiSE-FT; Wortsman et al. 2022].
    """
    torch.manual_seed(seed)
    model = _begin(folder, frozen)
    before = {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}
    learned = [value for value in model.parameters() if value.requires_grad]
    optimizer, schedule = _adam(learned, rate, len(batches))
    began, total = time.monotonic(), 0.0
    for step, batch in enumerate(batches, 1):
        code, query = texts.answer[batch], texts.asked[batch]
        asked = _vectors(model, [texts.queries[place] for place in batch], _QUERY_PARTS)
        answers = _vectors(model, [texts.codes[place] for place in code], _CODE_PARTS)
        twins = texts.likeness[code] @ texts.likeness[code].T > _TWINS
        same = twins | (code[:, None] == code) | (query[:, None] == query)
        loss = contrastive(asked, answers, same)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, _CLIP)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % _REPORT == 0:
            took = time.monotonic() - began
            print(f"step {step}/{len(batches)}  loss {total / _REPORT:.3f}  {took:.0f} s", flush=True)
            total = 0.0
    after = dict(model.named_parameters())
    return {name: torch.lerp(start, after[name].detach(), share).numpy() for name, start in before.items()}


def _begin(folder: Path, frozen: int) -> PreTrainedModel:
    """Only layers from `frozen` on learn. Without dropout: an hour's steps are too few to overfit."""
    model: PreTrainedModel = AutoModel.from_pretrained(str(folder), attn_implementation="eager", dtype=torch.float32)
    for name, value in model.named_parameters():
        value.requires_grad_(name.startswith("encoder.layer.") and int(name.split(".")[2]) >= frozen)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model.train()


def _adam(learned: Sequence[torch.nn.Parameter], rate: float, steps: int) -> tuple[torch.optim.AdamW, LambdaLR]:
    matrices, vectors = [v for v in learned if v.ndim > 1], [v for v in learned if v.ndim < 2]
    groups = [{"params": matrices, "weight_decay": _DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, rate)
    warm = max(1, int(_WARM * steps))
    return optimizer, LambdaLR(optimizer, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm)))


def _vectors(model: PreTrainedModel, texts: Sequence[Ids], parts: int) -> torch.Tensor:
    """(len(texts), dim) of unit length. Texts of like length run together, so that little is padded."""
    order = np.argsort([len(ids) for ids in texts], kind="stable")
    found = torch.cat([_means(model, [texts[place] for place in part]) for part in np.array_split(order, parts)])
    return normalize(found[torch.from_numpy(np.argsort(order))], dim=1)


def _means(model: PreTrainedModel, texts: Sequence[Ids]) -> torch.Tensor:
    ids = torch.zeros((len(texts), max(map(len, texts))), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.from_numpy(text)
        mask[row, : len(text)] = 1
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    kept = mask[:, :, None]
    return (hidden * kept).sum(1) / kept.sum(1)
