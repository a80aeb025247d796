"""How text of anybody's making is shown without letting it steer what shows it."""

# Read from a file when it is first used, and there may be no more files to open by then.
import encodings.unicode_escape  # noqa: F401


def escaped(text: str) -> str:
    r"""Return ``text`` with everything spelt out that could move a cursor or reorder a line.

    An escape character becomes ``\x1b``; letters of every script stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )
