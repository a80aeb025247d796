"""How text of anybody's making is shown without letting it steer what shows it."""


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
