"""Clients are made from our description, whether or not botocore still has one."""

from typing import Any

import botocore.session
import pytest
from botocore.exceptions import (
    DataNotFoundError,
    NoRegionError,
    ParamValidationError,
    UnknownServiceError,
)
from botocore.loaders import Loader

from reconciler.api import load
from reconciler.api.description import Boolean, Number
from reconciler.targets.model import DescriptionLoader, _shape, endpoint_rules, service_model


def client(loader: Loader | None = None, **options: Any) -> Any:
    session = botocore.session.Session()
    session.register_component("data_loader", loader or DescriptionLoader())
    session.set_credentials("a", "b")
    return session.create_client("appmesh", **options)


def test_every_operation_is_a_method() -> None:
    made = client(region_name="eu-west-1")
    assert set(made.meta.service_model.operation_names) == set(load().operations)


def test_the_service_is_found_by_region_and_by_url() -> None:
    assert client(region_name="eu-west-1").meta.endpoint_url == (
        "https://appmesh.eu-west-1.amazonaws.com"
    )
    chinese = client(region_name="cn-north-1").meta.endpoint_url
    assert chinese == "https://appmesh.cn-north-1.amazonaws.com.cn"
    local = client(region_name="eu-west-1", endpoint_url="http://127.0.0.1:8473")
    assert local.meta.endpoint_url == "http://127.0.0.1:8473"


def test_without_a_region_there_is_no_client() -> None:
    with pytest.raises(NoRegionError):
        client()


def test_other_services_are_still_botocores() -> None:
    loader = DescriptionLoader()
    assert {"appmesh", "sts"} <= set(loader.list_available_services("service-2"))
    assert loader.load_service_model("sts", "service-2")["metadata"]["serviceId"] == "STS"


def test_what_we_do_not_describe_is_not_there() -> None:
    loader = DescriptionLoader()
    with pytest.raises(DataNotFoundError):
        loader.load_service_model("appmesh", "paginators-1")
    with pytest.raises(DataNotFoundError):
        loader.load_service_model("sts", "spells-1")
    with pytest.raises(UnknownServiceError):
        loader.load_service_model("conjuring", "service-2")


def test_a_mistyped_request_does_not_leave_the_client() -> None:
    made = client(region_name="eu-west-1", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(ParamValidationError):
        made.create_mesh(meshName="a", spek={})


def test_every_type_of_the_description_has_its_form() -> None:
    assert _shape(Boolean("B")) == {"type": "boolean"}
    assert _shape(Number("N", "long", 1, None)) == {"type": "long", "min": 1}
    shapes = service_model(load())["shapes"]
    assert shapes["TooManyRequestsException"]["retryable"] == {"throttling": True}
    assert shapes["ServiceUnavailableException"]["retryable"] == {"throttling": False}
    assert "retryable" not in shapes["ConflictException"]
    assert endpoint_rules(load())["version"] == "1.0"
