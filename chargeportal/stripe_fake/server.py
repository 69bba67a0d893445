"""The HTTP side: who may ask, what was asked before under the same key, and the payment page."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chargeportal.stripe_fake import api, checkout, forms, pages
from chargeportal.stripe_fake.store import ApiError, Object, Store
from chargeportal.stripe_fake.webhooks import Messenger

_PAGE = re.compile(r"/c/(pay|bank)/(\w+)")
BODY_AT_MOST = 1024 * 1024


class StripeFake:
    """A running fake. Without ``webhook_url`` events are kept and nobody is told."""

    def __init__(
        self,
        *,
        port: int = 0,
        fd: int | None = None,
        state: Path | None = None,
        secret_key: str = "",
        webhook_url: str = "",
        webhook_secret: str = "",
    ) -> None:
        self.store = Store(state)
        self.secret_key = secret_key or f"sk_test_{secrets.token_hex(12)}"
        self.webhook_secret = webhook_secret or f"whsec_{secrets.token_hex(12)}"
        #: So many requests are done and then not answered, as when the line breaks.
        self.answers_to_lose = 0
        self.requests: list[tuple[str, str]] = []
        self._server = _listen(self, port=port, fd=fd)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._messenger = (
            Messenger(self.store, url=webhook_url, secret=self.webhook_secret) if webhook_url else None
        )

    def start(self) -> None:
        """Leave it listening."""
        self._thread.start()
        if self._messenger is not None:
            self._messenger.start()

    def stop(self) -> None:
        """Leave nothing running."""
        if self._messenger is not None:
            self._messenger.stop()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Return when it has been stopped."""
        self._thread.join()

    def answer(self, method: str, path: str, text: str, headers: Any) -> tuple[int, Object]:
        """The status and body of an API request; a key that was used gets the answer it got then."""
        if headers.get("Authorization") != f"Bearer {self.secret_key}":
            return 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided."}}
        with self.store.lock:
            self.requests.append((method, path))
            key = headers.get("Idempotency-Key") or ""
            asked = hashlib.sha256(f"{method} {path} {text}".encode()).hexdigest()
            before = self.store.replies.get(key) if key else None
            if before is not None:
                return _again(before, asked)
            status, body = self._do(method, path, forms.decode(text))
            if key and method == "POST":
                self.store.replies[key] = {"asked": asked, "status": status, "body": body}
            if method == "POST":
                self.store.save()
            return status, body

    def _do(self, method: str, path: str, data: dict[str, Any]) -> tuple[int, Object]:
        try:
            if path.startswith("/_test/"):
                return 200, api.test_hook(self.store, path.removeprefix("/_test/").strip("/"), data)
            return 200, api.answer(self.store, method, path, data, address=self.address)
        except ApiError as error:
            return error.status, error.body
        except (KeyError, ValueError, TypeError) as error:
            message = f"Invalid request: {type(error).__name__} {error}"
            return 400, {"error": {"type": "invalid_request_error", "message": message}}

    def page(self, kind: str, session_id: str, form: dict[str, str] | None) -> tuple[int, str]:
        """A page (200 and HTML) or where to go next (303 and an address)."""
        with self.store.lock:
            checkout.expire_old(self.store)
            try:
                session = self.store.get(session_id, "checkout.session")
            except ApiError:
                return 404, "<!doctype html><title>404</title><p>404"
            done = self._page_of(kind, session, form)
            self.store.save()
            return done

    def _page_of(self, kind: str, session: Object, form: dict[str, str] | None) -> tuple[int, str]:
        if form is None or session["status"] != "open":
            return 200, pages.bank_page(session) if kind == "bank" else pages.payment_page(session)
        try:
            if kind == "bank":
                checkout.answer_bank(self.store, session, approves=form.get("approves") == "yes")
            elif checkout.enter_card(self.store, session, form) == "approve":
                return 303, f"{self.address}/c/bank/{session['id']}"
        except ApiError as error:
            facts = error.body["error"]
            return 200, pages.payment_page(session, error=facts.get("decline_code") or facts["code"])
        return 303, session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])


def _again(before: Object, asked: str) -> tuple[int, Object]:
    if before["asked"] == asked:
        return before["status"], before["body"]
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with."
    )
    return 400, {"error": {"type": "idempotency_error", "message": message}}


def _listen(fake: StripeFake, *, port: int, fd: int | None) -> ThreadingHTTPServer:
    class Handler(_Handler):
        stripe = fake

    server = _Server(("127.0.0.1", port), Handler, bind_and_activate=fd is None)
    if fd is not None:
        server.socket.close()
        server.socket = socket.socket(fileno=fd)
        server.server_address = server.socket.getsockname()
        server.server_activate()
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    stripe: StripeFake

    def do_GET(self) -> None:
        """A page or an object."""
        self._handle("GET")

    def do_POST(self) -> None:
        """A form or a request to do something."""
        self._handle("POST")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: a request's address may carry what is nobody's business."""

    def _handle(self, method: str) -> None:
        parts = urlsplit(self.path)
        length = min(int(self.headers.get("Content-Length") or 0), BODY_AT_MOST)
        text = self.rfile.read(length).decode("utf-8", "replace") if method == "POST" else parts.query
        page = _PAGE.fullmatch(parts.path)
        if page is not None:
            form = forms.decode(text) if method == "POST" else None
            self._say(*self.stripe.page(page[1], page[2], form))
            return
        if parts.path == "/healthz":
            self._send(200, b"ok", {"Content-Type": "text/plain"})
            return
        status, body = self.stripe.answer(method, parts.path, text, self.headers)
        if self.stripe.answers_to_lose and status < 500 and method == "POST":  # noqa: PLR2004
            self.stripe.answers_to_lose -= 1
            self.close_connection = True
            return
        self._send(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _say(self, status: int, content: str) -> None:
        if status == 303:  # noqa: PLR2004 - see other
            self._send(303, b"", {"Location": content})
        else:
            self._send(status, content.encode(), {"Content-Type": "text/html; charset=utf-8"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Request-Id", f"req_{secrets.token_hex(7)}")
        self.end_headers()
        self.wfile.write(body)
