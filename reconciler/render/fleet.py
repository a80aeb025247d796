"""A run over many targets as text and JSON: a summary, then a section for each."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import Json, canonical_json
from reconciler.render.terminal import Layout, Span, Style, cell_width, plural, styled, wrap_words

SCHEMA = 1
_FAILED = frozenset({ExitCode.ERROR, ExitCode.PARTIAL, ExitCode.USAGE, ExitCode.MANIFESTS})


@dataclass(frozen=True, slots=True)
class Section:
    """The part of one target.

    Attributes:
        code: The exit code of its run.
        summary: One line: counts, or the error.
        output: The whole output of a run on this target; None if the run failed.
        target_lines: Its first and its last lines, if they depend on the target. Outputs that
            differ in nothing else are shown once.
        wave: The number of its wave; None without a rollout.
    """

    target: str
    code: ExitCode
    summary: str
    output: str | None
    target_lines: tuple[str, str] = ("", "")
    wave: int | None = None


def as_text(sections: Sequence[Section], code: ExitCode, objection: str, layout: Layout) -> str:
    """Return the summary as a table, and the sections below their names; equal ones once."""
    del code
    names = [escaped(section.target) for section in sections]
    name_width = max(map(cell_width, names))
    code_width = max(len(section.code.word) for section in sections)
    lines = [styled(counts(sections), Style.BOLD, on=layout.color), ""]
    for name, section in zip(names, sections, strict=True):
        result = Span(section.code.word.ljust(code_width), _style(section.code))
        summary = wrap_words(escaped(section.summary), gap="  ")
        padding = " " * (name_width - cell_width(name))
        wave = [] if section.wave is None else [Span(f"wave {section.wave}")]
        lines.append(layout.write([Span(name + padding, gap=""), *wave, result, *summary]))
    lines += ["", escaped(objection)] if objection else []
    for output, equal in _equal_outputs(sections).items():
        targets = ", ".join(escaped(section.target) for section in equal)
        first, last = zip(*(section.target_lines for section in equal), strict=True)
        text = "".join([*first, output, *last]).rstrip("\n")
        lines += ["", styled(f"== {targets}", Style.BOLD, on=layout.color), "", text]
    return "\n".join(lines) + "\n"


def _equal_outputs(sections: Iterable[Section]) -> dict[str, list[Section]]:
    """Return the outputs without the lines of their targets, each with its sections."""
    outputs: dict[str, list[Section]] = {}
    for section in sections:
        if section.output is not None:
            first, last = section.target_lines
            output = section.output.removeprefix(first).removesuffix(last)
            outputs.setdefault(output, []).append(section)
    return outputs


def as_json(sections: Sequence[Section], code: ExitCode, objection: str, layout: Layout) -> str:
    """Return one line of JSON, with the document of each target."""
    del layout
    targets: list[Json] = [
        {
            "target": section.target,
            "exit_code": int(section.code),
            "exit_name": section.code.word,
            "error": section.summary if section.output is None else None,
            "result": None if section.output is None else json.loads(section.output),
        }
        for section in sections
    ]
    document: Json = {
        "schema": SCHEMA,
        "exit_code": int(code),
        "exit_name": code.word,
        "objection": objection or None,
        "targets": targets,
    }
    return canonical_json(document) + "\n"


FLEET_FORMATS: Mapping[str, Callable[[Sequence[Section], ExitCode, str, Layout], str]] = {
    "text": as_text,
    "json": as_json,
}


def counts(sections: Sequence[Section]) -> str:
    """Return `3 targets: 2 ok, 1 error`."""
    found = Counter(section.code for section in sections)
    words = ", ".join(f"{count} {code.word}" for code, count in sorted(found.items()))
    return f"{plural(len(sections), 'target')}: {words}"


def _style(code: ExitCode) -> tuple[Style, ...]:
    if code is ExitCode.OK:
        return (Style.GREEN,)
    return (Style.RED,) if code in _FAILED else (Style.YELLOW,)
