"""ASGI application that serves documents to read, each at a fixed path."""

import asyncio
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from reconciler.serving.requests import JSON, Message, Receive, Send, is_known_host


@dataclass(frozen=True, slots=True)
class Document:
    """The response to a request for a document."""

    text: str
    content_type: bytes = JSON
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ((b"cache-control", b"no-store"),)


Documents: TypeAlias = Mapping[str, Callable[[], Document]]
"""Functions that return documents, by path; they may block."""


@dataclass(frozen=True, slots=True)
class DocumentsApp:
    """The application.

    Attributes:
        documents: The documents.
        hosts: Names allowed in the Host header, in lower case, besides IP addresses.
    """

    documents: Documents
    hosts: Collection[str] = field(default=("localhost",))

    async def __call__(self, scope: Message, _: Receive, send: Send) -> None:
        """Respond to one request."""
        document = await self._document(scope)
        body = document.text.encode(errors="backslashreplace")
        headers = [
            (b"content-type", document.content_type),
            (b"content-length", str(len(body)).encode()),
            *document.headers,
        ]
        await send({"type": "http.response.start", "status": document.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _document(self, scope: Message) -> Document:
        if not is_known_host(scope["headers"], self.hosts):
            return message(403, "the Host header must be an IP address, localhost or --allow-host")
        read = self.documents.get(scope["raw_path"].decode("latin-1"))
        if read is None:
            return message(404, "there is no such path")
        if scope["method"] not in ("GET", "HEAD"):
            return message(405, "method not allowed: use GET")
        return await asyncio.to_thread(read)


def message(status: int, text: str) -> Document:
    """Return a document for an error."""
    return Document(json.dumps({"message": text}), JSON, status)
