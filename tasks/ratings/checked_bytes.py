"""The bytes of a text file, digested and checked while they are read."""

import codecs
import hashlib
from collections.abc import Iterator
from io import BufferedIOBase

_PIECE = 1 << 20


class CheckedBytes:
    """A file, to be read as UTF-8 text."""

    def __init__(self, file: BufferedIOBase) -> None:
        """Take a file of which nothing was read yet."""
        self._file = file
        self._hashed = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._length = 0
        self._undecodable = ""
        self._zero = ""

    def pieces(self) -> Iterator[bytes]:
        """Yield its bytes, to its end or to where it is no text."""
        while (piece := self._read()) and not self.fault:
            yield piece

    def digest(self) -> str:
        """Read what is left, and return the SHA-256 of the whole, in hexadecimal digits."""
        while self._read():
            pass
        return self._hashed.hexdigest()

    @property
    def fault(self) -> str:
        """Why what was read is not text, and where; empty if it is. The reason is final once `digest` was called."""
        return self._undecodable or self._zero

    def _read(self) -> bytes:
        piece = b"".join(self._parts())
        self._hashed.update(piece)
        # UTF-16 without a byte order mark decodes as UTF-8, with every other byte 0.
        if not self._zero and (place := piece.find(0)) >= 0:
            self._zero = f"a zero, as in UTF-16, at byte {self._length + place}"
        if not self._undecodable:
            pending, _ = self._decoder.getstate()
            try:
                self._decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                self._undecodable = f"{error.reason} at byte {self._length - len(pending) + error.start}"
        self._length += len(piece)
        return piece

    def _parts(self) -> Iterator[bytes]:
        """Yield the next piece, for which a server may have to be asked many times."""
        left = _PIECE
        while left and (part := self._file.read(left)):
            yield part
            left -= len(part)
