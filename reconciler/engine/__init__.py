"""One cycle over one target: propose, carry out, report.

Every write is re-checked before and read back after. A call whose answer was lost is neither
done nor failed until a fresh read says which. Only ``TargetError`` is caught: a bug stops us.
"""

from reconciler.engine.apply_options import ApplyOptions
from reconciler.engine.plan_and_apply import apply, propose, reread
from reconciler.engine.target import Target

__all__ = ["ApplyOptions", "Target", "apply", "propose", "reread"]
