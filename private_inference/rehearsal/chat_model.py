"""What a vLLM container answers to Chat Completions for a small language model, whole or as server-sent events.

Sources: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html (the chat template is the model's own, and
a model without one is refused), https://platform.openai.com/docs/api-reference/chat.
"""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from private_inference.rehearsal.language_model import DEFAULT_TOKENS, JSON, MOST_TOKENS, pieces
from private_inference.rehearsal.model_request import ModelRequestError

EVENTS = "text/event-stream"


def chat(directory: Path, body: bytes) -> tuple[str, Iterator[bytes]]:
    """The answer's type and its parts: an event for each token as it is found if the request says `stream`, else one.

    Raises ModelRequestError for a request that can't be answered.
    """
    try:
        asked = json.loads(body)
        messages = [{"role": str(each["role"]), "content": each["content"]} for each in asked["messages"]]
        limit = asked.get("max_completion_tokens", asked.get("max_tokens", DEFAULT_TOKENS))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelRequestError(HTTPStatus.BAD_REQUEST, 'The body is not {"messages": […], …}.') from None
    if not messages or not all(isinstance(each["content"], str) for each in messages):
        raise ModelRequestError(HTTPStatus.BAD_REQUEST, "messages has to have at least one, each with a text.")
    if type(limit) is not int or not 0 < limit <= MOST_TOKENS:
        raise ModelRequestError(HTTPStatus.BAD_REQUEST, f"max_tokens has to be a number from 1 to {MOST_TOKENS}.")
    said = pieces(directory, _prompt(directory, messages), limit)
    if asked.get("stream"):
        return EVENTS, _events(said, limit)
    texts = [text for _, text in said]
    choice = {"index": 0, "message": {"role": "assistant", "content": "".join(texts)}}
    choice["finish_reason"] = _finish(len(texts), limit)
    return JSON, iter([json.dumps(_object("chat.completion", choice)).encode()])


def _prompt(directory: Path, messages: list[dict[str, str]]) -> str:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    config = directory / "tokenizer_config.json"
    template = json.loads(config.read_bytes()).get("chat_template") if config.is_file() else None
    if not template:
        raise ModelRequestError(HTTPStatus.BAD_REQUEST, "The model has no chat template in its tokenizer_config.json.")
    return ImmutableSandboxedEnvironment().from_string(template).render(messages=messages, add_generation_prompt=True)


def _events(said: Iterator[tuple[int, str]], limit: int) -> Iterator[bytes]:
    count = 0
    for _, text in said:
        count += 1
        yield _event({"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None})
    yield _event({"index": 0, "delta": {}, "finish_reason": _finish(count, limit)})
    yield b"data: [DONE]\n\n"


def _event(choice: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(_object('chat.completion.chunk', choice))}\n\n".encode()


def _finish(count: int, limit: int) -> str:
    return "length" if count == limit else "stop"


def _object(kind: str, choice: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": "chatcmpl-rehearsal", "object": kind, "created": 0, "model": "", "choices": [choice]}
