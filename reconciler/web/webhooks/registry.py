"""Table of the forges whose webhooks let the daemon look for new commits, by path."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.secret_file import read_secret
from reconciler.web.webhooks import github, gitlab
from reconciler.web.webhooks.signature import ReadProof

WEBHOOKS: Mapping[str, ReadProof] = MappingProxyType(
    {"/webhooks/github": github.read_proof, "/webhooks/gitlab": gitlab.read_proof}
)


def read_webhook_secret(path: Path) -> bytes:
    """Return the secret of the webhooks.

    Raises:
        UsageError: The file cannot be read, its secret is too short, or other users can read it.
    """
    advice = "write the secret of the forge's webhook to it, such as from: openssl rand -hex 32"
    secret = read_secret(
        path, "webhook secret file", if_unreadable=advice, if_empty=f"secret: {advice}"
    )
    if len(secret) < limits.MIN_WEBHOOK_SECRET_BYTES:
        raise UsageError(
            f"the secret in {path} has less than {limits.MIN_WEBHOOK_SECRET_BYTES} characters:"
            " use a longer one here and at the forge, such as from: openssl rand -hex 32"
        )
    return secret.encode()
