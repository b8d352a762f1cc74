"""Train a small language model on sentences of a small grammar: `python train.py --out build`.

A GPT-2 of two layers whose tokens are bytes. It learns to spell and to build these sentences, and knows nothing: it is
there to be served. `build/model/` has the Hugging Face format that AWS's containers load (LMI, vLLM), beside it
`sample.json` is a request.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from decoder import END, GELU, Array, Shape, Weights, byte_letters, forward, softmax

HERE = Path(__file__).resolve().parent
GRAMMAR = (
    ("client", "endpoint", "gateway", "model"),
    ("asks", "answers", "knows", "finds"),
    ("the network", "the model", "a key", "a subnet"),
    ("at once", "in the VPC", "without internet", "every day"),
)
SHAPE = Shape(width=48, layers=2, heads=4, context=48)
STEPS, BATCH, RATE = 250, 8, 1e-2
SAMPLE = {"inputs": "The endpoint ", "parameters": {"max_new_tokens": 40}, "stream": True}


def initial(shape: Shape, random: np.random.Generator) -> dict[str, Array]:
    """Weights as GPT-2 begins with."""

    def drawn(*size: int, deviation: float = 0.02) -> Array:
        return random.normal(0, deviation, size).astype(np.float32)

    width, deep = shape.width, 0.02 / math.sqrt(2 * shape.layers)
    weights = {"transformer.wte.weight": drawn(END + 1, width), "transformer.wpe.weight": drawn(shape.context, width)}
    norms = [f"h.{layer}.ln_{number}" for layer in range(shape.layers) for number in (1, 2)]
    for name in [*norms, "ln_f"]:
        weights[f"transformer.{name}.weight"] = np.ones(width, np.float32)
        weights[f"transformer.{name}.bias"] = np.zeros(width, np.float32)
    matrices = {"attn.c_attn": (width, 3 * width, 0.02), "attn.c_proj": (width, width, deep)}
    matrices |= {"mlp.c_fc": (width, 4 * width, 0.02), "mlp.c_proj": (4 * width, width, deep)}
    for layer in range(shape.layers):
        for name, (rows, columns, deviation) in matrices.items():
            weights[f"transformer.h.{layer}.{name}.weight"] = drawn(rows, columns, deviation=deviation)
            weights[f"transformer.h.{layer}.{name}.bias"] = np.zeros(columns, np.float32)
    return weights


class Gradient(dict[str, Array]):
    """How the loss changes with each weight, collected from the last layer to the first."""

    def normalized(self, change: Array, saved: tuple[Array, Array], weights: Weights, name: str) -> Array:
        """Back through a layer normalization: the change with its input."""
        unit, scale = saved
        self[f"{name}.weight"] = (change * unit).sum((0, 1))
        self[f"{name}.bias"] = change.sum((0, 1))
        inner = change * weights[f"{name}.weight"]
        centred = inner - inner.mean(-1, keepdims=True) - unit * (inner * unit).mean(-1, keepdims=True)
        back: Array = scale * centred
        return back

    def projected(self, change: Array, x: Array, weights: Weights, name: str) -> Array:
        """Back through a matrix."""
        self[f"{name}.weight"] = np.einsum("btr,btc->rc", x, change, optimize=True)
        self[f"{name}.bias"] = change.sum((0, 1))
        return change @ weights[f"{name}.weight"].T

    def attended(self, change: Array, x: Array, saved: tuple[Array, ...], weights: Weights, name: str) -> Array:
        """Back through the attention."""
        query, key, value, chances, mixed = saved
        batch, heads, length, size = query.shape
        change = self.projected(change, mixed, weights, f"{name}.c_proj")
        change = change.reshape(batch, length, heads, size).swapaxes(1, 2)
        by_chance = change @ value.swapaxes(-1, -2)
        by_score = chances * (by_chance - (by_chance * chances).sum(-1, keepdims=True)) / math.sqrt(size)
        split = np.stack([by_score @ key, by_score.swapaxes(-1, -2) @ query, chances.swapaxes(-1, -2) @ change])
        change = split.transpose(1, 3, 0, 2, 4).reshape(batch, length, -1)
        return self.projected(change, x, weights, f"{name}.c_attn")


def loss_and_gradient(weights: Weights, texts: npt.NDArray[np.int64], shape: Shape) -> tuple[float, Gradient]:
    """How badly the next tokens of texts are foreseen (the mean of -log p), and how it changes with each weight."""
    tokens, following = texts[:, :-1], texts[:, 1:]
    logits, saved = forward(weights, tokens, shape)
    chances, found = softmax(logits), Gradient()
    places = np.ix_(range(len(tokens)), range(tokens.shape[1]))
    loss = float(-np.log(chances[*places, following] + 1e-12).mean())
    chances[*places, following] -= 1
    change: Array = (chances / following.size).astype(chances.dtype)
    table = weights["transformer.wte.weight"]
    last, last_norm = saved.pop()
    tied = np.einsum("btv,btw->vw", change, last, optimize=True)
    change = found.normalized(change @ table, last_norm, weights, "transformer.ln_f")
    for layer in reversed(range(shape.layers)):
        name = f"transformer.h.{layer}"
        first, first_norm, attention, second, second_norm, inner, bend, active = saved.pop()
        step = found.projected(change, active, weights, f"{name}.mlp.c_proj")
        slope = 0.5 * (1 + bend) + 0.5 * inner * (1 - bend**2) * GELU * (1 + 3 * 0.044715 * inner**2)
        step = found.projected(step * slope, second, weights, f"{name}.mlp.c_fc")
        change = change + found.normalized(step, second_norm, weights, f"{name}.ln_2")
        step = found.attended(change, first, attention, weights, f"{name}.attn")
        change = change + found.normalized(step, first_norm, weights, f"{name}.ln_1")
    np.add.at(tied, tokens, change)
    positions = np.zeros_like(weights["transformer.wpe.weight"])
    positions[: tokens.shape[1]] = change.sum(0)
    found["transformer.wte.weight"], found["transformer.wpe.weight"] = tied, positions
    return loss, found


def train(corpus: bytes, shape: Shape = SHAPE, steps: int = STEPS) -> tuple[dict[str, Array], list[float]]:
    """Weights after so many steps of Adam, and the loss at each. The same each time."""
    random = np.random.default_rng(0)
    weights, data = initial(shape, random), np.frombuffer(corpus, np.uint8).astype(np.int64)
    moments = {name: (np.zeros_like(value), np.zeros_like(value)) for name, value in weights.items()}
    losses = []
    for step in range(1, steps + 1):
        starts = random.integers(0, len(data) - shape.context - 1, BATCH)
        texts = np.stack([data[start : start + shape.context + 1] for start in starts])
        loss, gradient = loss_and_gradient(weights, texts, shape)
        losses.append(loss)
        rate = RATE * min(1, step / 20) * (1 - 0.9 * step / steps)
        for name, value in gradient.items():
            first, second = moments[name]
            first += 0.1 * (value - first)
            second += 0.01 * (value**2 - second)
            weights[name] -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    return weights, losses


def save(weights: Weights, shape: Shape, directory: Path) -> None:
    """Write a model in the Hugging Face format."""
    directory.mkdir(parents=True, exist_ok=True)
    write_safetensors(directory / "model.safetensors", weights)
    ends = {"bos_token_id": END, "eos_token_id": END}
    config = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": END + 1,
        "n_positions": shape.context,
        "n_ctx": shape.context,
        "n_embd": shape.width,
        "n_layer": shape.layers,
        "n_head": shape.heads,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "torch_dtype": "float32",
        **ends,
    }
    end, byte_level = (
        "<|endoftext|>",
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    )
    special = {
        "id": END,
        "content": end,
        "special": True,
        **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
    }
    vocabulary = {letter: byte for byte, letter in enumerate(byte_letters())} | {end: END}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    }
    names = {"bos_token": end, "eos_token": end, "unk_token": end}
    files = {
        "config.json": config,
        "generation_config.json": ends,
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": shape.context,
            # It has seen no roles: what is said is what it goes on with. vLLM refuses chats without a template.
            "chat_template": "{% for message in messages %}{{ message['content'] }}{% endfor %}",
            **names,
        },
    }
    for name, content in files.items():
        (directory / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_safetensors(path: Path, tensors: Mapping[str, Array]) -> None:
    """https://github.com/huggingface/safetensors#format"""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, value in tensors.items():
        start, end = end, end + value.nbytes
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [start, end]}
    packed = json.dumps(header).encode()
    packed += b" " * (-len(packed) % 8)
    content = b"".join(value.astype("<f4").tobytes() for value in tensors.values())
    path.write_bytes(len(packed).to_bytes(8, "little") + packed + content)


def corpus(sentences: int = 4000) -> bytes:
    """Sentences as the model is to say them. The same each time."""
    random = np.random.default_rng(0)
    chosen = ([str(random.choice(words)) for words in GRAMMAR] for _ in range(sentences))
    return " ".join(f"The {' '.join(words)}." for words in chosen).encode()


def build(out: Path, steps: int = STEPS) -> list[float]:
    """Train, and write model and sample to `out`; returns the losses."""
    weights, losses = train(corpus(), SHAPE, steps)
    save(weights, SHAPE, out / "model")
    (out / "sample.json").write_text(json.dumps(SAMPLE) + "\n", encoding="utf-8")
    return losses


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train a small language model on sentences of a small grammar.")
    parser.add_argument("--out", type=Path, default=HERE / "build", help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=STEPS, help="default: %(default)s")
    given = parser.parse_args(arguments)
    losses = build(given.out, given.steps)
    sys.stdout.write(f"{given.out}/model: loss {losses[0]:.2f} at first, {losses[-1]:.2f} after {given.steps} steps\n")


if __name__ == "__main__":
    main()
