"""A web server that sends parts of files: ``range_server.py FOLDER`` prints its port.

It runs in a process of its own, as GDAL opens a file without letting other threads of
Python go on.  What it is to do, and what it was asked, are files in the folder's
``.control``: ``failures``, the answers that are still to be 503; ``gone``, after which
connections are cut; ``log``, the method, path and bytes of each answer.
"""

from __future__ import annotations

import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """GET and HEAD with one range of bytes."""

    folder = Path()

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def _answer(self) -> None:
        control = self.folder / ".control"
        file = self.folder / self.path.partition("?")[0].lstrip("/")
        failures = int((control / "failures").read_text())
        if (control / "gone").exists():
            return
        if failures:
            (control / "failures").write_text(str(failures - 1))
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, b"")
        elif not file.is_file():
            self._send(HTTPStatus.NOT_FOUND, b"")
        elif wanted := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            first, last = map(int, wanted.groups())
            content = file.read_bytes()
            part = content[first : last + 1]
            place = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
            self._send(HTTPStatus.PARTIAL_CONTENT, part, place)
        else:
            self._send(HTTPStatus.OK, file.read_bytes())

    def _send(self, status: HTTPStatus, body: bytes, place: str = "") -> None:
        sent = b"" if self.command == "HEAD" else body
        with (self.folder / ".control" / "log").open("a") as log:
            log.write(f"{self.command} {self.path} {len(sent)}\n")
        self.send_response(status)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        if place:
            self.send_header("Content-Range", place)
        self.end_headers()
        self.wfile.write(sent)


if __name__ == "__main__":
    Handler.folder = Path(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_port, flush=True)  # noqa: T201
        server.serve_forever()
