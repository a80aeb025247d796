"""Explanations of diagnostics about documents and single fields."""

from collections.abc import Mapping

from reconciler.manifest.parsing.diagnostics import Code
from reconciler.render.explained.explanation import Explanation, without_manifest

_MESH = """
apiVersion: mesh-reconciler/v1
kind: Mesh
"""
_MESH_WITH_NAME = f"{_MESH}metadata: {{name: payments}}\n"

FIELDS: Mapping[Code, Explanation] = {
    Code.MISSING_FIELD: Explanation(
        "Add the field. The manual of the format lists the required fields.",
        """
apiVersion: mesh-reconciler/v1
kind: VirtualRouter
metadata: {name: edge}
spec: {}
""",
    ),
    Code.NOT_ALLOWED: Explanation(
        "Use one of the values, or a number in the range, that the message lists.",
        f"{_MESH_WITH_NAME}spec: {{egressFilter: {{type: ALLOW}}}}",
    ),
    Code.UNKNOWN_FIELD: Explanation(
        "Correct the spelling, or remove the field.",
        f"{_MESH_WITH_NAME}spec: {{egressFiltr: {{type: ALLOW_ALL}}}}",
    ),
    Code.WRONG_TYPE: Explanation(
        "Write the value as the type in the message: quote text, and do not quote numbers.",
        f"{_MESH_WITH_NAME}spec: {{egressFilter: ALLOW_ALL}}",
    ),
    Code.NULL: Explanation(
        "Set a value, or remove the field. A key without a value is null in YAML.",
        f"{_MESH_WITH_NAME}spec:\n  egressFilter:",
    ),
    Code.NAME: Explanation(
        "Use a name that the API accepts: 1 to 255 characters.",
        f'{_MESH}metadata: {{name: ""}}\nspec: {{}}',
    ),
    Code.RESOURCE_TAG: Explanation(
        "Use a key without the prefix aws: and without the two tags of mesh-reconciler, and at "
        "most 50 tags.",
        f'{_MESH}metadata: {{name: payments, tags: {{"aws:team": web}}}}\nspec: {{}}',
    ),
    Code.POINTER: Explanation(
        "Write a JSON pointer to a member of the spec, such as /egressFilter/type.",
        f"{_MESH_WITH_NAME}reconcile: {{ignore: [egressFilter]}}\nspec: {{}}",
    ),
    Code.TIMESTAMP: Explanation(
        "Use the format 2026-12-01T00:00:00Z.",
        f"{_MESH_WITH_NAME}reconcile: {{suspend: {{until: tomorrow, reason: load}}}}\nspec: {{}}",
    ),
    Code.UNKNOWN_FORMAT: Explanation(
        "Move files that are not manifests out of the source, or exclude them with "
        ".reconcilerignore. Pass a saved plan with apply --plan.",
        "Notes about the mesh of payments",
    ),
    Code.API_VERSION: Explanation(
        "Use an apiVersion that the message lists.",
        "apiVersion: mesh-reconciler/v2\nkind: Mesh\nmetadata: {name: payments}\nspec: {}",
    ),
    Code.KIND: Explanation(
        "Use one of the seven kinds of App Mesh.",
        "apiVersion: mesh-reconciler/v1\nkind: Mash\nmetadata: {name: payments}\nspec: {}",
    ),
    Code.NOT_SUPPORTED: Explanation(
        "Use the apiVersion in the message, which has this kind.",
        "apiVersion: appmesh.k8s.aws/v1beta1\nkind: VirtualGateway\nmetadata: {name: edge}",
    ),
    Code.CLIENT_TOKEN: Explanation(
        "Remove the field: each request gets its own token.",
        "meshName: payments\nclientToken: 5f7e9a",
    ),
    Code.MESH_OWNER: Explanation(
        "Set meshOwner to the 12 digits of the account that owns a shared mesh, in quotes, or "
        "remove it.",
        """
apiVersion: mesh-reconciler/v1
kind: VirtualRouter
metadata: {name: edge, mesh: payments, meshOwner: "1234"}
spec: {}
""",
    ),
    Code.VARIABLE: Explanation(
        "Pass --var NAME=VALUE, or a file of variables with --var-file, or set `variables` in the "
        "table of the target. Write $$ for a dollar sign.",
        f"{_MESH}metadata: {{name: payments-$STAGE}}\nspec: {{}}",
    ),
    Code.FUNCTION: Explanation(
        "Pass the values that the template gets when it is deployed: parameters with --var, and "
        "values of other stacks with --stack-outputs.",
        """
Resources:
  Mesh:
    Type: AWS::AppMesh::Mesh
    Properties: {MeshName: !ImportValue mesh-name}
""",
    ),
    Code.STATE: Explanation(
        "Apply the Terraform configuration, and read its state instead of its plan.",
        '{"format_version": "1.2", "errored": true, "planned_values": {"root_module": {}}}',
        file="example.json",
    ),
    Code.DECLARED_TWICE: Explanation(
        "Remove one of the two manifests; the message has the position of the other one.",
        f"{_MESH_WITH_NAME}spec: {{}}\n---{_MESH_WITH_NAME}spec: {{}}",
    ),
    Code.TOO_MANY: without_manifest(
        "Correct the first diagnostics of the file, then run validate again.",
        "A file with more than 100 errors.",
    ),
    Code.NO_MESH: Explanation(
        "Set spec.meshRef.name, or spec.gatewayRef.name of a gateway route.",
        """
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: cart, namespace: shop}
spec: {}
""",
    ),
    Code.BACKEND_GROUP: Explanation(
        "Declare the BackendGroup, or remove the reference.",
        """
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: shop}
spec: {}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: cart, namespace: shop}
spec: {backendGroups: [{name: payments}]}
""",
    ),
}
