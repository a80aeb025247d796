"""Files of records: lines that several processes append, rotated by size."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from reconciler import limits
from reconciler.file_lock import lock_file

_LOCK = "lock"
# The runs on many targets append at the same time, and wait for a locked file only a second.
_appending = Lock()


class HistoryFiles:
    """The files of one directory. Every method may raise OSError."""

    def __init__(self, directory: Path, max_bytes: int = limits.HISTORY_FILE_BYTES) -> None:
        """Use ``directory``, which the first append makes; a file has at most ``max_bytes``.

        Only a line that is longer has a larger file of its own.
        """
        self.directory = directory
        self._max_bytes = max_bytes

    def append(self, line: bytes) -> None:
        """Append ``line``, and return when it is on the disk."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _appending, self._locked(os.O_CREAT | os.O_RDWR, shared=False):
            size = self._drop_torn_line()
            if size and size + len(line) > self._max_bytes:
                self._rotate()
            with self._open_newest() as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())

    def lines(self) -> Iterator[bytes]:
        """Yield all whole lines without their ends, the newest first."""
        with ExitStack() as opened:
            for file in self._open_all(opened):
                yield from _backwards(file)

    def _open_all(self, opened: ExitStack) -> list[BinaryIO]:
        with ExitStack() as held:
            # A copy of the records may have no lock, and then no writer.
            with suppress(FileNotFoundError):
                # A rotation between two opens would hide a file.
                held.enter_context(self._locked(os.O_RDONLY, shared=True))
            files = map(self._file, range(limits.HISTORY_FILES))
            return [
                opened.enter_context(open(it, "rb", opener=_open_private))
                for it in files
                if it.exists()
            ]

    def _file(self, age: int) -> Path:
        return self.directory / (f"runs.{age}.jsonl" if age else "runs.jsonl")

    def _open_newest(self) -> BinaryIO:
        return open(self._file(0), "a+b", opener=_open_private)

    def _drop_torn_line(self) -> int:
        """Cut off a last line whose writer was killed, and return the size of the rest."""
        with self._open_newest() as file:
            size = file.tell()
            file.seek(max(0, size - 1))
            if file.read(1) not in (b"", b"\n"):
                file.seek(0)
                size = file.read().rfind(b"\n") + 1
                file.truncate(size)
        return size

    def _rotate(self) -> None:
        for age in reversed(range(limits.HISTORY_FILES - 1)):
            if self._file(age).exists():
                self._file(age).replace(self._file(age + 1))

    @contextmanager
    def _locked(self, flags: int, *, shared: bool) -> Iterator[None]:
        descriptor = os.open(self.directory / _LOCK, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            lock_file(descriptor, shared=shared)
            yield
        finally:
            os.close(descriptor)


def _backwards(file: BinaryIO) -> Iterator[bytes]:
    """Yield the whole lines of a file from its end.

    A list of the latest runs reads only the last block. Blocks of this size are also read, split
    and parsed in the cache of a core: a file of 16 MiB at once takes twice as long.
    """
    # The part after the last newline is empty, or a line whose writer was killed.
    is_torn = True
    # The line whose start is in an earlier block, the last part first.
    parts: list[bytes] = []
    end = os.fstat(file.fileno()).st_size
    while end > 0:
        start = max(0, end - limits.HISTORY_BLOCK_BYTES)
        file.seek(start)
        first, *lines = file.read(end - start).split(b"\n")
        end = start
        if lines:
            parts.append(lines.pop())
            if not is_torn:
                yield b"".join(reversed(parts))
            yield from reversed(lines)
            is_torn, parts = False, []
        parts.append(first)
    if not is_torn:
        yield b"".join(reversed(parts))


def _open_private(file: str, flags: int) -> int:
    # A link is not followed, and a pipe is not waited for.
    return os.open(file, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
