"""DynamoDB and S3 of moto behind a socket, for leases of other processes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import boto3
import urllib3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Log nothing."""


@contextmanager
def aws_server() -> Iterator[str]:
    """Serve a table and a bucket, both named `locks`, and yield the URL."""
    application = _OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        _create_places(url)
        yield url
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


class _OneAtATime:
    """An application that begins a request after it has ended the one before.

    moto checks a condition and writes in two steps. The services promise one step.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Respond to a request that has arrived as a whole: its client may be suspended."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
        with self._lock:
            return self._application(environ, start_response)


def _create_places(url: str) -> None:
    # What moto holds belongs to the process, and other tests of it use moto too.
    urllib3.request("POST", f"{url}/moto-api/reset")
    session = boto3.Session("test", "test", region_name="us-east-1")
    s3, dynamodb = (session.client(it, endpoint_url=url) for it in ("s3", "dynamodb"))
    s3.create_bucket(Bucket="locks")
    dynamodb.create_table(
        TableName="locks",
        KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    s3.close()
    dynamodb.close()
