"""One cycle on one target: propose a plan, apply it, report the outcomes.

Each resource is re-checked before a write and read back after it. If the response to a call is
lost, a read decides whether the call took effect. Only ``TargetError`` is caught, so a bug stops
the run.
"""

from reconciler.engine.apply_options import ApplyOptions
from reconciler.engine.plan_and_apply import apply, propose, reread
from reconciler.engine.target import CommandTarget, Target

__all__ = ["ApplyOptions", "CommandTarget", "Target", "apply", "propose", "reread"]
