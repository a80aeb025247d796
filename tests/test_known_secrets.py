"""What this process holds is in no text that it shows."""

from reconciler.known_secrets import redacted, remember, remember_temporary, shown


def test_what_was_remembered_is_hidden_and_nothing_else() -> None:
    remember(None, "", "remembered-for-good")
    assert redacted("it is remembered-for-good, and so on\n\nand on") == (
        "it is [redacted], and so on\n\nand on"
    )
    assert shown(ValueError("remembered-for-good\n\nand more")) == "[redacted]"
    assert shown("abcdef", 3) == "abc…"


def test_temporary_credentials_are_forgotten_once_many_newer_ones_came() -> None:
    tokens = [f"{number:04}-temporary" for number in range(100)]
    for token in tokens:
        remember_temporary(None, token, token)
    left = redacted(" ".join(tokens)).split()
    assert left[-1] == left[-30] == "[redacted]"
    assert left[0] == tokens[0]
