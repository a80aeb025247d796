"""Explanations of diagnostics about Envoys."""

from collections.abc import Mapping

from reconciler.manifest.parsing.diagnostics import Code
from reconciler.render.explained.explanation import Explanation


def _route(match: str, *, weight: int = 1, more: str = "") -> str:
    return f"""
apiVersion: mesh-reconciler/v1
kind: Route
metadata: {{name: all, mesh: shop, virtualRouter: edge}}
spec:
  httpRoute:
    match: {match}
    action: {{weightedTargets: [{{virtualNode: web, weight: {weight}}}]}}
{more}"""


def _node(listener: str = "", *, more: str = "") -> str:
    return f"""
apiVersion: mesh-reconciler/v1
kind: VirtualNode
metadata: {{name: web, mesh: shop}}
spec:
  serviceDiscovery: {{dns: {{hostname: web.example.com}}}}
  listeners:
    - portMapping: {{port: 8080, protocol: http}}
{listener}{more}"""


ENVOYS: Mapping[Code, Explanation] = {
    Code.ENVOY_REGEX: Explanation(
        "Write the expression in the syntax of RE2, without back-references and look-around.",
        _route('{path: {regex: "(a)\\\\1"}}'),
    ),
    Code.ENVOY_LOG_FORMAT: Explanation(
        "Use the operators that Envoy documents, and write %% for a percent sign.",
        _node(
            more='  logging: {accessLog: {file: {path: /dev/stdout, format: {text: "100 %\\n"}}}}\n'
        ),
    ),
    Code.ENVOY_RETRIES: Explanation(
        "Set maxRetries to a small number: each retry is one more request.",
        _route(
            "{prefix: /}",
            more="""    retryPolicy:
      maxRetries: 4294967296
      perRetryTimeout: {unit: s, value: 1}
      httpRetryEvents: [server-error]
""",
        ),
    ),
    Code.ENVOY_WEIGHTS: Explanation(
        "Give at least one target a weight above 0, or delete the route.",
        _route("{prefix: /}", weight=0),
    ),
    Code.ENVOY_OUTLIERS: Explanation(
        "Set durations above 0.",
        _node("""      outlierDetection:
        baseEjectionDuration: {unit: s, value: 0}
        interval: {unit: s, value: 10}
        maxEjectionPercent: 50
        maxServerErrors: 5
"""),
    ),
    Code.ENVOY_HEALTH_CHECK: Explanation(
        "Use the protocol of the listener for its health check, or tcp.",
        _node("""      healthCheck:
        protocol: grpc
        healthyThreshold: 2
        unhealthyThreshold: 2
        intervalMillis: 5000
        timeoutMillis: 2000
"""),
    ),
    Code.ENVOY_SERVER_NAME: Explanation(
        "Use a host name of at most 255 characters.",
        _node().replace("web.example.com", ".".join(["a" * 60] * 5)),
    ),
    Code.ENVOY_REFUSED: Explanation(
        "Add the [acm] table of the certificate to reconciler.toml. For other parts, see the table "
        "of fields for Envoy in the manual.",
        _node("""      tls:
        mode: STRICT
        certificate:
          acm: {certificateArn: "arn:aws:acm:eu-west-1:111122223333:certificate/web"}
"""),
        envoy=True,
    ),
    Code.ENVOY_CHANGED: Explanation(
        "Change the part, unless the difference in the message is acceptable.",
        _node(
            more="  logging: {accessLog: {file: {path: /dev/stdout, format: {json: "
            "[{key: a, value: first}, {key: a, value: second}]}}}}\n"
        ),
        envoy=True,
    ),
    Code.ENVOY_NOTE: Explanation(
        "Nothing, unless the effect is needed: Envoys ignore the part.",
        _node("""      healthCheck:
        protocol: http
        path: /
        healthyThreshold: 2
        unhealthyThreshold: 2
        intervalMillis: 5000
        timeoutMillis: 2000
""")
        .replace("VirtualNode", "VirtualGateway")
        .replace("  serviceDiscovery: {dns: {hostname: web.example.com}}\n", ""),
        envoy=True,
    ),
}
