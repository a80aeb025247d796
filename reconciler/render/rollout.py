"""The state of a rollout as JSON and as text."""

from dataclasses import asdict

from reconciler.core.escaping import escaped
from reconciler.core.fleet.rollout_status import RolloutStatus, RolloutTarget
from reconciler.core.resources import canonical_json
from reconciler.core.source_revision import SHORT_COMMIT_CHARACTERS
from reconciler.render.terminal import Layout, Span, Style, cell_width, wrap_words

SCHEMA = 1


def as_json(rollout: RolloutStatus) -> str:
    """Return one line of JSON."""
    return canonical_json({"schema": SCHEMA, **asdict(rollout)}) + "\n"


def as_text(rollout: RolloutStatus, layout: Layout) -> str:
    """Return the state of the rollout, and a row for each target below its wave."""
    names = [escaped(target.target) for wave in rollout.waves for target in wave]
    width = max(map(cell_width, names), default=0)
    lines = [layout.write([*wrap_words(_summary(rollout))])]
    for number, wave in enumerate(rollout.waves, 1):
        lines += ["", f"Wave {number}{_wave_state(rollout, number)}"]
        for target in wave:
            name = escaped(target.target)
            padded = Span(f"  {name}" + " " * (width - cell_width(name)), gap="")
            lines.append(layout.write([padded, _progress(rollout, target)]))
    return "\n".join(lines) + "\n"


def one_line(rollout: RolloutStatus) -> str:
    """Return the revision, the wave that takes it and why the next one waits."""
    summary = _summary(rollout)
    if rollout.revision is None or not rollout.waits_for:
        return summary
    return f"Wave {rollout.wave} of {len(rollout.waves)}. {summary}"


def _summary(rollout: RolloutStatus) -> str:
    if rollout.revision is None:
        return f"There is no rollout yet; it {rollout.waits_for}."
    revision = escaped(rollout.revision[:SHORT_COMMIT_CHARACTERS])
    if not rollout.waits_for:
        held = " The next one is held; run reconciler rollout resume." if rollout.is_held else ""
        return f"All waves have revision {revision}.{held}"
    return f"Revision {revision} {escaped(rollout.waits_for)}."


def _wave_state(rollout: RolloutStatus, number: int) -> str:
    if rollout.revision is None or number > rollout.wave:
        return ""
    if number < rollout.wave:
        return " (has it)"
    if rollout.is_held:
        return " (held)"
    return " (stopped)" if rollout.stopped_by else " (takes it)"


def _progress(rollout: RolloutStatus, target: RolloutTarget) -> Span:
    if target.revision is None:
        return Span("no revision is known")
    revision = escaped(target.revision[:SHORT_COMMIT_CHARACTERS])
    progress = escaped(target.progress or "")
    is_done = target.revision == rollout.revision and progress == "in sync"
    return Span(f"{revision}  {progress}", (Style.GREEN,) if is_done else ())
