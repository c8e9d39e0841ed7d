"""A language model's endpoint on this machine that answers as it is told to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OPENAI = "/v1/chat/completions"
ANTHROPIC = "/v1/messages"


def said(path: str, text: str) -> bytes:
    """Return an answer in the form of the API that a path belongs to."""
    if path == OPENAI:
        message = {"role": "assistant", "content": text}
        return json.dumps({"id": "1", "choices": [{"index": 0, "message": message}]}).encode()
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": text}]
    return json.dumps({"type": "message", "content": blocks, "stop_reason": "end_turn"}).encode()


class _Six(ThreadingHTTPServer):
    address_family = socket.AF_INET6


class Endpoint:
    """What it was asked, and what it will answer, one after the other, the last one for ever.

    An answer is a text, or (status, headers, body), or a function of the handler that writes one.
    """

    def __init__(self, *answers, address="127.0.0.1"):
        self.answers, self.asked = list(answers), []
        kind = _Six if ":" in address else ThreadingHTTPServer
        self.server = kind((address, 0), self._handler())
        self.server.daemon_threads = True
        shown = f"[{address}]" if ":" in address else address
        self.host = f"{shown}:{self.server.server_address[1]}"
        self.url = f"http://{self.host}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        """Stop answering."""
        self.server.shutdown()
        self.server.server_close()

    def _handler(self):
        there = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                there.asked.append((self.path, headers, json.loads(body)))
                answer = there.answers.pop(0) if len(there.answers) > 1 else there.answers[0]
                # A caller that has given up no longer listens.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self._say(answer)

            def _say(self, answer):
                if callable(answer):
                    answer(self)
                    return
                status, headers, body = answer if isinstance(answer, tuple) else (200, {}, answer)
                body = said(self.path, body) if isinstance(body, str) else body
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Say nothing."""

        return Handler


class Waits:
    """A clock on which waiting takes no time but is written down."""

    def __init__(self):
        self.waited, self._now = [], 100.0

    def now(self):
        """Return the time in seconds."""
        return self._now

    def wall(self):
        """Return the wall-clock time in seconds."""
        return 1_700_000_000.0 + self._now

    async def sleep_until(self, t):
        """Be there at once."""
        self.waited.append(t - self._now)
        self._now = t
