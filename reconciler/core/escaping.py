"""How text of anybody's making is shown without letting it steer what shows it."""

# Read from a file when it is first used, and there may be no more files to open by then.
import encodings.unicode_escape  # noqa: F401
from functools import lru_cache


def escaped(text: str) -> str:
    r"""Return ``text`` with everything spelled out that could move a cursor or reorder a line.

    An escape character becomes ``\x1b``; letters of every script stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(map(_escaped, text))


@lru_cache(maxsize=1024)
def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
