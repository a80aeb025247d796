"""Output of the command `explain`: one code, its example and its remedy."""

from collections.abc import Mapping

from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.render.explained.envoys import ENVOYS
from reconciler.render.explained.exit_codes import EXIT_CODES
from reconciler.render.explained.explanation import Explanation
from reconciler.render.explained.fields import FIELDS
from reconciler.render.explained.files import FILES
from reconciler.render.explained.resources import RESOURCES

DIAGNOSTICS: Mapping[Code, Explanation] = {**FILES, **FIELDS, **RESOURCES, **ENVOYS}


def find_code(text: str) -> Code | ExitCode | None:
    """Return the diagnostic or exit code that ``text`` is the number or name of, or None."""
    codes: tuple[Code | ExitCode, ...] = (*Code, *ExitCode)
    by_name = {name.casefold(): code for code in codes for name in names_of(code)}
    return by_name.get(text.casefold())


def names_of(code: Code | ExitCode) -> tuple[str, ...]:
    """Return the texts that select ``code``, in any case."""
    return (code.number,) if isinstance(code, Code) else (str(int(code)), code.word)


def explanation_of(code: Code | ExitCode) -> Explanation:
    """Return the explanation of ``code``."""
    return DIAGNOSTICS[code] if isinstance(code, Code) else EXIT_CODES[code]


def render_explanation(code: Code | ExitCode, printed: str) -> str:
    """Return the page of ``code``; ``printed`` are the diagnostics that its example leads to."""
    explanation = explanation_of(code)
    if isinstance(code, Code):
        title = f"{code.number}: {code.title} ({code.severity.value})"
    else:
        title = f"exit code {int(code)} ({code.word}): {code.meaning}"
    example = [escaped(line) for line in explanation.text.split("\n")]
    blocks = [title, "\n".join(["Example:", *(f"    {line}".rstrip() for line in example)])]
    if printed:
        option = " --envoy" if explanation.envoy else ""
        lines = printed.splitlines()
        blocks.append("\n".join([f"validate{option} prints:", *(f"    {line}" for line in lines)]))
    blocks.append(f"To do: {explanation.remedy}")
    return "\n\n".join(blocks) + "\n"
