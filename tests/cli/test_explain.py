"""explain at the command line: each code has an entry, and each example leads to its code."""

import re

import pytest
from conftest import Cli, Write

from reconciler.core.exit_codes import ExitCode
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.render.explained.exit_codes import EXIT_CODES
from reconciler.render.explained.page import DIAGNOSTICS

WITH_MANIFEST = [code for code in Code if DIAGNOSTICS[code].file]


def test_every_code_has_its_entry_and_every_entry_its_code() -> None:
    assert set(DIAGNOSTICS) == set(Code)
    assert set(EXIT_CODES) == set(ExitCode)


@pytest.mark.unmeasured
@pytest.mark.parametrize("code", WITH_MANIFEST, ids=lambda code: code.number)
def test_the_example_leads_to_its_code(code: Code, cli: Cli, write: Write) -> None:
    explanation = DIAGNOSTICS[code]
    write(explanation.file, explanation.text)
    options = ["--envoy"] * explanation.envoy
    result = cli("validate", explanation.file, *options)
    assert f"[{code.number}]" in result.out
    page = cli("explain", code.number)
    assert (page.code, page.err) == (0, "")
    (line, *_) = [it for it in result.out.splitlines() if f"[{code.number}]" in it]
    assert line in page.out


@pytest.mark.parametrize("code", [*Code, *ExitCode])
def test_each_page_has_a_title_an_example_and_a_remedy(code: Code | ExitCode, cli: Cli) -> None:
    number = code.number if isinstance(code, Code) else str(int(code))
    meaning = code.title if isinstance(code, Code) else code.meaning
    result = cli("explain", number)
    assert (result.code, result.err) == (0, "")
    first, *_ = result.out.splitlines()
    assert number in first
    assert meaning in first
    assert all(line.isprintable() for line in result.out.splitlines())
    assert re.search(r"^Example:\n    \S", result.out, re.MULTILINE)
    assert re.search(r"^To do: [A-Z].*\.$", result.out, re.MULTILINE)


def test_a_code_is_selected_in_any_case_and_an_exit_code_by_its_name(cli: Cli) -> None:
    assert cli("explain", "mr060").out == cli("explain", "MR060").out
    assert cli("explain", "Withheld").out == cli("explain", "5").out


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("MR6", " (did you mean MR"),
        ("witheld", " (did you mean withheld?)"),
        ("xyzzy", ": use"),
    ],
)
def test_an_unknown_code_is_one_line(text: str, hint: str, cli: Cli) -> None:
    result = cli("explain", text)
    assert (result.code, result.out) == (64, "")
    assert result.err.startswith(f'reconciler: no code "{text}"{hint}')
