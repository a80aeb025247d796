"""Listeners of virtual routers of v1beta1, which may have none."""

from reconciler.core.escaping import escaped
from reconciler.manifest.formats.kubernetes.objects import DeclaredObjects, KubernetesResource
from reconciler.manifest.formats.kubernetes.v1beta1 import PROTOCOLS
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.manifest.parsing.nodes import (
    KeyValue,
    ListNode,
    MappingNode,
    Node,
    find,
    get_text,
)


def with_listener(router: KubernetesResource, objects: DeclaredObjects) -> KubernetesResource:
    """Return a router of v1beta1 with the listener of its first target, if it has none."""
    root, context = router.context.root, router.context
    position, spec = find(root, ("spec",))
    name = _first_target(spec)
    if name is None or not isinstance(spec, MappingNode) or "listeners" in spec.members:
        return router
    found = objects.node(name)
    listeners = find(found.context.root, ("spec", "listeners"))[1] if found else None
    place, _ = find(root, ("metadata", "name"))
    where = ("spec", "virtualRouter", "listeners")
    if not isinstance(listeners, ListNode) or not listeners.items:
        message = "is required, because the virtual node of the first route has no listener here"
        context.report(Code.MISSING_FIELD, place, message, where)
        return router
    _, mapping = find(listeners.items[0], ("portMapping",))
    message = f"is not set; the first listener of the virtual node {name} is used"
    context.report(Code.TRANSLATED, place, escaped(message), where)
    port = {"portMapping": KeyValue(place, mapping)} if mapping else {}
    given = ListNode(place, [MappingNode(place, port)])
    inner = MappingNode(spec.position, {**spec.members, "listeners": KeyValue(place, given)})
    members = {**root.members, "spec": KeyValue(position, inner)}
    return router._replace(context=context._replace(root=MappingNode(root.position, members)))


def _first_target(spec: Node | None) -> str | None:
    """Return the name of the first virtual node in the routes of a translated router."""
    _, routes = find(spec, ("routes",)) if spec else (None, None)
    for route in routes.items if isinstance(routes, ListNode) else ():
        for protocol in PROTOCOLS:
            _, targets = find(route, (f"{protocol}Route", "action", "weightedTargets"))
            for target in targets.items if isinstance(targets, ListNode) else ():
                if arn := get_text(target, "virtualNodeARN"):
                    return arn.rpartition("/")[2]
    return None
