"""Comments as a forge reads them, and proof that nothing in them is markup but ours."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

SPANS = {
    "text", "code_inline", "softbreak", "hardbreak", "strong_open", "strong_close", "html_inline",
}  # fmt: skip


def blocks_of(text: str) -> list[Token]:
    """Return the blocks that a forge sees in ``text``, after a look at all that is in them."""
    blocks = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    for span in (span for block in blocks for span in block.children or []):
        assert span.type in SPANS, span
        assert span.type != "html_inline" or span.content in ("<sub>", "</sub>")
        assert span.type != "text" or not re.search(r"@|://|www\.|[#$|\\<>]", span.content), span
    for block in blocks:
        if block.type == "html_block":
            ours = re.sub(r"<code>[^<>]*</code>", "", block.content)
            assert re.fullmatch(
                r"<!-- [\w:%./~ -]+ -->\n|</details>\n?"
                r"|<details><summary>(withheld: )?[+~=-] [\w, ]+: [\w ]+(, <b>[\w ]+</b>)?"
                r"</summary>\n",
                ours,
            ), ours
    return blocks


def folded(text: str) -> list[str]:
    """Return what is folded away in ``text``, having seen that each fold is closed."""
    kinds = [block for block in blocks_of(text) if block.type in ("html_block", "fence")]
    first, *others = kinds
    assert first.content.startswith("<!-- ")
    assert [block.type for block in others] == ["html_block", "fence", "html_block"] * (
        len(others) // 3
    )
    assert all(block.info == "diff" for block in others[1::3])
    return [block.content for block in others[1::3]]
