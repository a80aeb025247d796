"""A service that answers every request with its version: python service.py ADDRESS PORT VERSION."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers GET."""

    protocol_version = "HTTP/1.1"
    # Head and body are one packet. In two, the second waits for an acknowledgment of the first.
    wbufsize = -1

    def do_GET(self) -> None:
        """Send the version."""
        body = sys.argv[3].encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
