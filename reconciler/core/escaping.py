"""Escapes untrusted text so that it cannot control a terminal."""

# Import the codec now: its first use opens a file, and file descriptors may be exhausted then.
import encodings.unicode_escape  # noqa: F401
from functools import lru_cache


def escaped(text: str) -> str:
    r"""Return ``text`` with escapes for characters that move a cursor or reorder a line.

    An escape character becomes ``\x1b``. Letters of all scripts stay unchanged.
    """
    if text.isprintable():
        return text
    return "".join(map(_escape_character, text))


@lru_cache(maxsize=1024)
def _escape_character(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
