"""A request in HTTP/2 without TLS, as bytes: headers that no client library would send. (RFC 9113, RFC 7541)"""

import socket
import struct
from collections.abc import Iterable
from contextlib import closing

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY, _CONTINUATION = 0, 1, 3, 4, 7, 9
_END_STREAM, _END_HEADERS = 1, 4
_LARGEST = 16_384
_STATUS_BY_INDEX = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
_DIGITS = {"00000": "0", "00001": "1", "00010": "2"} | {f"{25 + n:06b}": str(3 + n) for n in range(7)}


def ask(port: int, headers: Iterable[tuple[str, str]]) -> int | None:
    """The status that is answered to these headers; None where the stream or the connection is ended instead."""
    block = b"".join(_literal(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as client:
        client.sendall(_PREFACE + _frame(_SETTINGS, 0, 0) + _frames(block))
        try:
            return _status(client)
        except ConnectionError:
            return None


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + _text(name) + _text(value)


def _text(text: bytes) -> bytes:
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, length = len(text) - 127, bytearray([127])
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    return bytes(length) + bytes([rest]) + text


def _frames(block: bytes) -> bytes:
    """The block in as many frames as it takes."""
    parts = [block[at : at + _LARGEST] for at in range(0, len(block), _LARGEST)]
    sent = b""
    for at, part in enumerate(parts):
        last = _END_HEADERS if at == len(parts) - 1 else 0
        sent += _frame(_CONTINUATION, last, 1, part) if at else _frame(_HEADERS, last | _END_STREAM, 1, part)
    return sent


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _status(client: socket.socket) -> int | None:
    while True:
        head = _exactly(client, 9)
        length, kind = int.from_bytes(head[:3], "big"), head[3]
        payload = _exactly(client, length)
        if kind == _HEADERS:
            return _first_status(payload)
        if kind in (_RESET, _GOAWAY):
            return None


def _exactly(client: socket.socket, length: int) -> bytes:
    came = b""
    while len(came) < length:
        part = client.recv(length - len(came))
        if not part:
            raise ConnectionError
        came += part
    return came


def _first_status(block: bytes) -> int:
    """The status, which an answer begins with; after a change of the table's size, if any."""
    while block[0] & 0b1110_0000 == 0b0010_0000:
        block = block[1:]
    if block[0] & 0x80:
        return _STATUS_BY_INDEX[block[0] & 0x7F]
    length, text = block[1], block[2 : 2 + (block[1] & 0x7F)]
    return int(_unpacked(text)) if length & 0x80 else int(text)


def _unpacked(text: bytes) -> str:
    bits, digits, code = "".join(f"{byte:08b}" for byte in text), "", ""
    for bit in bits:
        code += bit
        if code in _DIGITS:
            digits, code = digits + _DIGITS[code], ""
    return digits
