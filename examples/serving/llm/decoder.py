"""GPT-2 in NumPy: what a small language model says next, from the files of the Hugging Face format.

It computes what `GPT2LMHeadModel` of transformers computes (config.json, model.safetensors, tokenizer.json), one text
at a time, and nothing faster: it shows what a server of language models does, on any CPU and without a framework of
two gigabytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Weights = Mapping[str, Array]
EPSILON = 1e-5
GELU = math.sqrt(2 / math.pi)
END = 256
"""The token that ends a text; those below are bytes."""


@dataclass(frozen=True)
class Shape:
    """How large a model is."""

    width: int
    layers: int
    heads: int
    context: int
    """Tokens that it can look back on."""


def normalized(x: Array, weights: Weights, name: str) -> tuple[Array, tuple[Array, Array]]:
    """Layer normalization; and what its derivative needs."""
    centred = x - x.mean(-1, keepdims=True)
    scale = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
    unit = centred * scale
    return unit * weights[f"{name}.weight"] + weights[f"{name}.bias"], (unit, scale)


def projected(x: Array, weights: Weights, name: str) -> Array:
    """GPT-2 keeps its matrices as inputs by outputs."""
    return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]


def attended(x: Array, weights: Weights, name: str, heads: int) -> tuple[Array, tuple[Array, ...]]:
    """Causal self-attention; and what its derivative needs."""
    batch, length, width = x.shape
    split = projected(x, weights, f"{name}.c_attn").reshape(batch, length, 3, heads, width // heads)
    query, key, value = split.transpose(2, 0, 3, 1, 4)
    scores = query @ key.swapaxes(-1, -2) / math.sqrt(width // heads)
    scores = np.where(np.tril(np.ones((length, length), bool)), scores, -np.inf)
    chances = softmax(scores)
    mixed = (chances @ value).swapaxes(1, 2).reshape(batch, length, width)
    return projected(mixed, weights, f"{name}.c_proj"), (query, key, value, chances, mixed)


def softmax(x: Array) -> Array:
    """Along the last axis."""
    powers = np.exp(x - x.max(-1, keepdims=True))
    chances: Array = powers / powers.sum(-1, keepdims=True)
    return chances


def forward(weights: Weights, tokens: npt.NDArray[np.int64], shape: Shape) -> tuple[Array, list[Any]]:
    """For each place in each text, how likely each next token is (as logits); and what the derivatives need."""
    x = weights["transformer.wte.weight"][tokens] + weights["transformer.wpe.weight"][: tokens.shape[1]]
    saved: list[Any] = []
    for layer in range(shape.layers):
        name = f"transformer.h.{layer}"
        first, first_norm = normalized(x, weights, f"{name}.ln_1")
        out, attention = attended(first, weights, f"{name}.attn", shape.heads)
        x = x + out
        second, second_norm = normalized(x, weights, f"{name}.ln_2")
        inner = projected(second, weights, f"{name}.mlp.c_fc")
        bend = np.tanh(GELU * (inner + 0.044715 * inner**3))
        active = 0.5 * inner * (1 + bend)
        x = x + projected(active, weights, f"{name}.mlp.c_proj")
        saved.append((first, first_norm, attention, second, second_norm, inner, bend, active))
    last, last_norm = normalized(x, weights, "transformer.ln_f")
    saved.append((last, last_norm))
    return last @ weights["transformer.wte.weight"].T, saved


@cache
def byte_letters() -> list[str]:
    """The letter that stands for each byte in a byte-level vocabulary, as in GPT-2's: printable ones are themselves."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


@dataclass(frozen=True)
class Model:
    """A model that was loaded."""

    shape: Shape
    weights: Weights

    @classmethod
    def load(cls, directory: Path) -> Model:
        """Raises FileNotFoundError for a missing file, and ValueError for a model of another kind."""
        config = json.loads((directory / "config.json").read_bytes())
        vocabulary = json.loads((directory / "tokenizer.json").read_bytes())["model"]
        bytes_only = vocabulary["merges"] == [] and [*vocabulary["vocab"]][:END] == byte_letters()
        if config["model_type"] != "gpt2" or not bytes_only:
            raise ValueError(f"{directory} holds no GPT-2 whose tokens are bytes")
        shape = Shape(config["n_embd"], config["n_layer"], config["n_head"], config["n_positions"])
        return cls(shape, read_safetensors(directory / "model.safetensors"))

    def tokens(self, prompt: str, limit: int) -> Iterator[int]:
        """The likeliest tokens after a prompt, each as soon as it is known: at most `limit`, and none after the end."""
        known = list(prompt.encode()) or [END]
        for _ in range(limit):
            seen = np.array([known[-self.shape.context :]])
            logits, _ = forward(self.weights, seen, self.shape)
            token = int(logits[0, -1].argmax())
            if token == END:
                return
            known.append(token)
            yield token


def read_safetensors(path: Path) -> Weights:
    """The tensors of a file by name (https://github.com/huggingface/safetensors#format)."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(
            content[start + said["data_offsets"][0] : start + said["data_offsets"][1]], np.float32
        ).reshape(said["shape"])
        for name, said in header.items()
    }
