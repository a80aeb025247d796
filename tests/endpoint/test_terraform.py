"""Terraform's own provider against the endpoint: applied, and nothing left to plan."""

from collections.abc import Callable
from pathlib import Path

import pytest
from amounts import amount
from terraform import Terraform, configuration, require_mirror

from reconciler.endpoint import LocalEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.client]


@pytest.mark.timeout(600)
def test_all_seven_resources(tmp_path: Path, new_store: Callable[[], str | None]) -> None:
    plugins = require_mirror()
    with LocalEndpoint(None, store=new_store()) as endpoint:
        terraform = Terraform(tmp_path, plugins)
        terraform.configure(endpoint.url, configuration(changed=False))
        terraform("init")
        assert "7 added, 0 changed, 0 destroyed" in terraform("apply", "-auto-approve")
        for _ in range(amount("changes of all resources by Terraform", test=0, full=1)):
            terraform("plan", "-detailed-exitcode")
            terraform.configure(endpoint.url, configuration(changed=True))
            terraform("plan", "-detailed-exitcode", expected=2)
            assert "0 added, 7 changed, 0 destroyed" in terraform("apply", "-auto-approve")
            terraform("plan", "-detailed-exitcode")
        assert "7 destroyed" in terraform("destroy", "-auto-approve")
