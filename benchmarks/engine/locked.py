"""llama-cpp-python as most programs use it: one `Llama` behind a lock, served over HTTP by a process of its own.

`python -m benchmarks.engine.locked MODEL THREADS CONTEXT EXTRA` prints its port when the model is loaded. EXTRA is 1
if llama.cpp can use its extra buffer types here, for which `Llama` has no parameter.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import llama_cpp
from llama_cpp import Llama

from models.llama.bindings import library


class Handler(BaseHTTPRequestHandler):
    llama: Llama
    lock = threading.Lock()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        options = {name: body[name] for name in ("messages", "max_tokens", "temperature")}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        tokens = 0
        with self.lock:
            for chunk in self.llama.create_chat_completion(**options, stream=True):
                tokens += bool(chunk["choices"][0]["delta"].get("content"))
                try:
                    self.send(chunk)
                except BrokenPipeError:  # the only sign that the client is gone
                    return
        self.send({"choices": [], "usage": {"completion_tokens": tokens}})

    def send(self, chunk: Any) -> None:
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, *_: Any) -> None:
        """Silent: standard error belongs to the benchmark."""


def main(model: str, threads: str, context: str, extra: str) -> None:
    library()
    params = llama_cpp.llama_model_default_params()
    params.use_extra_bufts = extra == "1"
    llama_cpp.llama_model_default_params = lambda: params
    Handler.llama = Llama(
        model, n_ctx=int(context), n_threads=int(threads), n_threads_batch=int(threads), verbose=False
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
