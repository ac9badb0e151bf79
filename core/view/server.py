"""The server: it answers browsers of this machine that know its token, and only reads."""

import logging
import os
import secrets
import socketserver
import warnings
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from qnas.core.errors import InputError, QnasWarning, first_line, place_of
from qnas.core.view.live import STILL
from qnas.core.view.pages import Content, Pages

ADDRESS = "127.0.0.1"
_NAMES = {ADDRESS, "localhost"}
_TOKEN_BYTES = 16
_PATIENCE_SECONDS = 30
_LOGGER = logging.getLogger("qnas.view")


class Server(socketserver.ThreadingTCPServer):
    """Listens on the loopback address.

    Args:
        pages: What it serves.
        port: Its port, 0 for any that is free.

    Attributes:
        pages: What it serves.
        token: What an address has to begin with.

    Raises:
        InputError: The port is taken, or not for everyone.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, pages: Pages, port: int = 0) -> None:
        self.pages = pages
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise InputError(f"port {port}: {error.strerror}: choose another with --port") from None

    @property
    def url(self) -> str:
        """The address of its first page."""
        return f"http://{ADDRESS}:{self.server_address[1]}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong with a connection: mostly, the browser has gone."""
        del request
        _LOGGER.info("the connection to %s has failed", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request: a page, or the same words to everything else."""

    timeout = _PATIENCE_SECONDS
    server: Server

    def do_GET(self) -> None:
        """Answer with what stands at the address."""
        try:
            content = self._content()
        except Exception as error:
            _LOGGER.exception("a page could not be made")
            what = f"a page could not be made: {first_line(error)}{place_of(error)}"
            warnings.warn(what, QnasWarning, stacklevel=2)
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self._answer(HTTPStatus.OK, content)

    def do_HEAD(self) -> None:
        """Answer the same, without the content."""
        self.do_GET()

    def _content(self) -> Content | None:
        token, slash, path = self._path()
        if not self._is_asked_by_name() or not slash or not secrets.compare_digest(token, self.server.token.encode()):
            return None
        return self.server.pages.at(os.fsdecode(path))

    def _path(self) -> tuple[bytes, bytes, bytes]:
        """The token, and what is below it."""
        try:
            path = urlsplit(self.path).path
        except ValueError:  # it is no address
            path = ""
        return unquote_to_bytes(path).removeprefix(b"/").partition(b"/")

    def _is_asked_by_name(self) -> bool:
        """Whether the browser meant this machine: a page from elsewhere can make its own name lead here."""
        hosts = self.headers.get_all("Host", [])
        return len(hosts) == 1 and hosts[0].partition(":")[0] in _NAMES

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with the name of the status, and nothing of what was asked."""
        del message, explain
        # What is not GET or HEAD comes here as not implemented.
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self.close_connection = True
        self._answer(status, Content(f"{status.phrase}\n".encode(), "text/plain; charset=utf-8", STILL))

    def _answer(self, status: HTTPStatus, content: Content) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": content.kind,
            "Content-Length": str(len(content.body)),
            "Content-Security-Policy": content.policy,
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET, HEAD"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content.body)

    def version_string(self) -> str:
        """What the server calls itself."""
        return "qnas"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: an address in a log would have the token."""
