"""What an LMI container answers for a small language model: a GPT-2 whose tokens are bytes, in the Hugging Face format.

It goes on with a text by the likeliest token each time. Request and answer are those of AWS's LMI containers:
https://docs.djl.ai/master/docs/serving/serving/docs/lmi/user_guides/lmi_input_output_schema.html
"""

import codecs
import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from private_inference.rehearsal.model_request import ModelRequestError

MARK = "config.json"
"""A file that such a model has."""
JSON, LINES = "application/json", "application/jsonlines"
DEFAULT_TOKENS, MOST_TOKENS = 30, 512
END = 256
"""The token that ends a text; those below are bytes."""


def generate(directory: Path, content_type: str, body: bytes) -> tuple[str, Iterator[bytes]]:
    """The answer's type and its parts: a line for each token as it is found if the request says `stream`, else one.

    Raises ModelRequestError for a request that can't be answered, and for a model of another kind.
    """
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise ModelRequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{content_type!r} is not {JSON}.")
    try:
        asked = json.loads(body)
        prompt, limit = asked["inputs"], asked.get("parameters", {}).get("max_new_tokens", DEFAULT_TOKENS)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelRequestError(HTTPStatus.BAD_REQUEST, 'The body is not {"inputs": TEXT, …}.') from None
    if not isinstance(prompt, str) or type(limit) is not int or not 0 < limit <= MOST_TOKENS:
        why = f"inputs has to be text, and max_new_tokens a number from 1 to {MOST_TOKENS}."
        raise ModelRequestError(HTTPStatus.UNPROCESSABLE_ENTITY, why)
    tokens = pieces(directory, prompt, limit)
    if asked.get("stream"):
        return LINES, _lines(tokens)
    answer = json.dumps({"generated_text": "".join(text for _, text in tokens)})
    return JSON, iter([answer.encode()])


def _lines(tokens: Iterator[tuple[int, str]]) -> Iterator[bytes]:
    said, before = "", ""
    for token, text in tokens:
        if before:
            yield f"{before}\n".encode()
        said += text
        before = json.dumps({"token": {"id": token, "text": text}})
    last = json.loads(before or '{"token": {"id": 256, "text": ""}}') | {"generated_text": said}
    yield f"{json.dumps(last)}\n".encode()


def pieces(directory: Path, prompt: str, limit: int) -> Iterator[tuple[int, str]]:
    """Each token with its text, which is empty within a letter of several bytes.

    Raises ModelRequestError for a model of another kind.
    """
    return _pieces(_model(directory), prompt, limit)


def _pieces(model: tuple[Mapping[str, Any], Mapping[str, Any]], prompt: str, limit: int) -> Iterator[tuple[int, str]]:
    config, weights = model
    known, decoder = list(prompt.encode()) or [END], codecs.getincrementaldecoder("utf-8")("replace")
    for _ in range(limit):
        token = _next(config, weights, known[-config["n_positions"] :])
        if token == END:
            return
        known.append(token)
        yield token, decoder.decode(bytes([token]))


def _next(config: Mapping[str, Any], weights: Mapping[str, Any], tokens: list[int]) -> int:
    """The likeliest token after these, as GPT-2 computes it."""
    import numpy as np

    def linear(x: Any, name: str) -> Any:
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def norm(x: Any, name: str) -> Any:
        unit = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + config["layer_norm_epsilon"])
        return unit * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def attention(x: Any, name: str) -> Any:
        heads = [np.split(each, config["n_head"], -1) for each in np.split(linear(x, f"{name}.c_attn"), 3, -1)]
        future = np.triu(np.full((len(x), len(x)), -np.inf), 1)
        mixed = []
        for query, key, value in zip(*heads, strict=True):
            scores = query @ key.T / math.sqrt(query.shape[-1]) + future
            powers = np.exp(scores - scores.max(-1, keepdims=True))
            mixed.append(powers / powers.sum(-1, keepdims=True) @ value)
        return linear(np.concatenate(mixed, -1), f"{name}.c_proj")

    def gelu(x: Any) -> Any:
        return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    x = weights["wte.weight"][tokens] + weights["wpe.weight"][: len(tokens)]
    for layer in range(config["n_layer"]):
        x = x + attention(norm(x, f"h.{layer}.ln_1"), f"h.{layer}.attn")
        x = x + linear(gelu(linear(norm(x, f"h.{layer}.ln_2"), f"h.{layer}.mlp.c_fc")), f"h.{layer}.mlp.c_proj")
    return int((norm(x[-1:], "ln_f") @ weights["wte.weight"].T).argmax())


@cache
def _model(directory: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Configuration and weights. Raises ModelRequestError for a model of another kind."""
    config = json.loads((directory / MARK).read_bytes())
    try:
        vocabulary = json.loads((directory / "tokenizer.json").read_bytes())["model"]
        whole = config["model_type"] == "gpt2" and vocabulary["merges"] == [] and config["vocab_size"] == END + 1
        weights = _tensors(directory / "model.safetensors") if whole else {}
    except (FileNotFoundError, KeyError):
        weights = {}
    if not weights:
        why = "The rehearsal runs small GPT-2 models whose tokens are bytes only, and this is none."
        raise ModelRequestError(HTTPStatus.INTERNAL_SERVER_ERROR, why)
    return config, weights


def _tensors(path: Path) -> Mapping[str, Any]:
    """https://github.com/huggingface/safetensors#format"""
    import numpy as np

    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    return {
        name.removeprefix("transformer."): np.frombuffer(
            content, "<f4", math.prod(said["shape"]), begin + said["data_offsets"][0]
        ).reshape(said["shape"])
        for name, said in header.items()
        if name != "__metadata__"
    }
