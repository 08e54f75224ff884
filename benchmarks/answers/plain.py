"""llama-server behind the REST routes of Lantern that answer questions.

A small server that takes the code from Lantern and sends it to llama-server in a plain prompt, so that a benchmark can
use either in the same way.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from benchmarks.answers.questions import Address

MAX_TOKENS = 512
SAMPLING = {"temperature": 0.2, "top_p": 0.95}  # as in the catalogue
_TIMEOUT_S = 3600.0


def plain_prompt(query: str, snippets: list[dict[str, Any]]) -> str:
    """The prompt that somebody without Lantern would paste."""
    code = [f"{item['path']}, lines {item['start']}-{item['end']}:\n```\n{item['text']}\n```" for item in snippets]
    return "\n\n".join([*code, f"Question about this code: {query}"])


@contextmanager
def plain_server(lantern: Address, peer: str) -> Iterator[Address]:
    """Its address, for any token. `peer`: llama-server's URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                answer, status = self.answer(body), 200
            except httpx.HTTPError as error:
                answer, status = {"error": {"code": "engine_failed", "message": str(error)}}, 502
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def answer(self, body: dict[str, Any]) -> Any:
            if self.path != "/chat/query":
                return lantern.post(self.path, body)
            return _answer(lantern, peer, body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Address(f"http://127.0.0.1:{server.server_address[1]}", lantern.token)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(lantern: Address, peer: str, body: dict[str, Any]) -> dict[str, Any]:
    """An answer in the shape of POST /chat/query; its times in milliseconds."""
    start = time.perf_counter()
    preview = lantern.post("/chat/preview", body)
    retrieved_at = time.perf_counter()
    messages = [{"role": "user", "content": plain_prompt(body["query"], preview["snippets"])}]
    request = {"messages": messages, "max_tokens": MAX_TOKENS, "stream": True, **SAMPLING}
    text, first_at = "", 0.0
    usage: dict[str, int] = {}
    for chunk in _chunks(peer, request | {"stream_options": {"include_usage": True}}):
        for choice in chunk["choices"]:
            delta = choice["delta"].get("content") or ""
            first_at = first_at or (time.perf_counter() if delta else 0.0)
            text += delta
        usage = chunk.get("usage") or usage
    first_at = first_at or time.perf_counter()
    return {
        "response": text,
        "sources": [{"n": item["n"], "path": item["path"]} for item in preview["snippets"]],
        "citations": [],
        "model_name": "llama-server",
        "usage": {"prompt": usage.get("prompt_tokens"), "completion": usage.get("completion_tokens")},
        "timings": {"queue": 0, "retrieve": 1000 * (retrieved_at - start), "prefill": 1000 * (first_at - retrieved_at)},
    }


def _chunks(peer: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    url = f"{peer}/v1/chat/completions"
    with httpx.stream("POST", url, json=body, timeout=_TIMEOUT_S, trust_env=False) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                yield json.loads(line.removeprefix("data: "))
