"""Reads the body of a request to the fake Discord: JSON, or a form of JSON and files, whole or in chunks.

Files are reduced to their name, type and size.
"""

from __future__ import annotations

import json
import re
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from io import BufferedIOBase
from typing import Any


def read_body(headers: Message, stream: BufferedIOBase) -> Any:
    """Return the JSON of a request; `attachments` lists its files, each with `size` and `content_type`."""
    content = _chunks(stream) if "Transfer-Encoding" in headers else stream.read(int(headers.get("Content-Length", 0)))
    content_type = headers.get("Content-Type", "")
    if content_type.startswith("multipart/form-data"):
        return _form(content_type, content)
    return json.loads(content) if content and "json" in content_type else None


def _chunks(stream: BufferedIOBase) -> bytes:
    """Read a chunked body (RFC 9112, section 7.1, without trailers)."""
    content = b""
    while size := int(stream.readline().partition(b";")[0], 16):
        content += stream.read(size)
        stream.readline()
    stream.readline()
    return content


def _form(content_type: str, content: bytes) -> dict[str, Any]:
    """Read a form with `payload_json` and a part `files[ID]` for each file.

    See https://docs.discord.com/developers/reference#uploading-files.
    """
    body: dict[str, Any] = {}
    files: dict[str, dict[str, Any]] = {}
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + content)
    for part in form.iter_parts():
        name = str(part.get_param("name", "", "content-disposition"))
        value = part.get_payload(decode=True)
        assert isinstance(value, bytes), "a form within the form"
        if name == "payload_json":
            body = json.loads(value)
        elif match := re.fullmatch(r"files\[(\d+)\]", name):
            file = {"filename": part.get_filename(), "content_type": part.get_content_type(), "size": len(value)}
            files[match[1]] = {"id": match[1]} | file
    named = {str(attachment["id"]): attachment for attachment in body.get("attachments", ())}
    sent = {identity: file | named.get(identity, {}) for identity, file in files.items()}
    return body | {"attachments": list((named | sent).values())}
