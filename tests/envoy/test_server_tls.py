"""The server of Envoys on TCP: which proxy gets a configuration, and which none."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from envoy.ads_client import NODE, client, request
from envoy.authority import Authority, Pair
from envoy.live_states import ChangingState, served
from envoy.meshes import shop

from reconciler.core.errors import UsageError
from reconciler.envoy.bootstrap import Address
from reconciler.envoy.server_tls import ServerFiles, ServerTls

AUTHORITY = Authority()
ACCOUNT = "arn:aws:appmesh:eu-west-1:111111111111:"
OTHER_ACCOUNT = "arn:aws:appmesh:eu-west-1:222222222222:"


@pytest.fixture
def files(tmp_path: Path) -> ServerTls:
    authority = tmp_path / "ca.crt"
    authority.write_bytes(AUTHORITY.certificate)
    return ServerTls(*AUTHORITY.sign().write(tmp_path, "server"), str(authority))


@contextmanager
def listening(tls: ServerTls | None, directory: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    addresses = [Address(host="127.0.0.1", port=port)]
    with served(ChangingState(shop()), directory, addresses=addresses, tls=tls):
        yield f"127.0.0.1:{port}"


def credentials(pair: Pair | None, authority: Authority = AUTHORITY) -> grpc.ChannelCredentials:
    own = (pair.key, pair.certificate) if pair else (None, None)
    return grpc.ssl_channel_credentials(authority.certificate, *own)


@pytest.mark.parametrize(
    ("name", "node"),
    [
        (f"appmesh:{NODE}", NODE),
        (f"appmesh:{NODE}", ACCOUNT + NODE),
        (f"appmesh:{ACCOUNT}{NODE}", NODE),
    ],
)
def test_a_proxy_with_its_name_is_served(
    files: ServerTls, tmp_path: Path, name: str, node: str
) -> None:
    pair = AUTHORITY.sign(name)
    with listening(files, tmp_path) as address, client(address, credentials(pair)) as proxy:
        assert proxy.clusters(node)


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("appmesh:mesh/m/virtualNode/b", NODE),
        ("spiffe://m/a", NODE),
        (f"appmesh:{NODE}", OTHER_ACCOUNT + NODE),
        (f"appmesh:{OTHER_ACCOUNT}{NODE}", NODE),
    ],
)
def test_a_proxy_with_another_name_is_refused(
    files: ServerTls, tmp_path: Path, name: str, node: str
) -> None:
    pair = AUTHORITY.sign(name)
    with listening(files, tmp_path) as address, client(address, credentials(pair)) as proxy:
        proxy.send(request(node))
        code, text = proxy.end()
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert text == f"the client certificate does not belong to {node!r}"


def test_a_proxy_of_another_authority_or_without_a_certificate_does_not_connect(
    files: ServerTls, tmp_path: Path
) -> None:
    stranger = Authority().sign(f"appmesh:{NODE}")
    own = AUTHORITY.sign(f"appmesh:{NODE}")
    with listening(files, tmp_path) as address:
        for pair in (stranger, None):
            with client(address, credentials(pair)) as proxy:
                proxy.send(request())
                assert proxy.end()[0] is grpc.StatusCode.UNAVAILABLE
        with client(address, credentials(own)) as proxy:
            assert proxy.clusters()


def test_a_new_certificate_is_used_and_files_that_are_gone_are_not(
    files: ServerTls, tmp_path: Path
) -> None:
    pair, second = AUTHORITY.sign(f"appmesh:{NODE}"), Authority("second")
    with listening(files, tmp_path) as address, client(address, credentials(pair)) as proxy:
        assert proxy.clusters()
        second.sign().write(tmp_path, "server")
        with client(address, credentials(pair, second)) as another:
            assert another.clusters()
        os.unlink(files.private_key)  # noqa: PTH108  # a path as text
        with client(address, credentials(pair, second)) as another:
            assert another.clusters()


def test_without_an_authority_of_clients_every_client_is_served(
    files: ServerTls, tmp_path: Path
) -> None:
    tls = ServerTls(files.certificate_chain, files.private_key, None)
    with listening(tls, tmp_path) as address, client(address, credentials(None)) as proxy:
        assert proxy.clusters()


def test_plain_tcp_serves_every_client(tmp_path: Path) -> None:
    with listening(None, tmp_path) as address, client(address) as proxy:
        assert proxy.clusters()


def test_files_and_addresses_that_cannot_be_used_are_one_line(
    files: ServerTls, tmp_path: Path
) -> None:
    absent = ServerTls(str(tmp_path / "absent"), files.private_key, None)
    with pytest.raises(UsageError, match="absent: No such file"), listening(absent, tmp_path):
        pass
    (tmp_path / "file").touch()
    for path, text in (("file", "is not a socket"), ("none/xds.sock", "listen")):
        state, addresses = ChangingState(shop()), [Address(str(tmp_path / path))]
        with pytest.raises(UsageError, match=text), served(state, tmp_path, addresses=addresses):
            pass
    assert (tmp_path / "file").exists()
    with socket.create_server(("127.0.0.1", 0)) as used:
        addresses = [Address(host="127.0.0.1", port=used.getsockname()[1])]
        with (
            pytest.raises(UsageError, match="it is in use"),
            served(ChangingState(shop()), tmp_path, addresses=addresses),
        ):
            pass


def test_a_socket_is_for_its_group_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "xds.sock"
    for _ in range(2):
        with served(ChangingState(shop()), tmp_path):
            assert path.stat().st_mode & 0o777 == 0o660
        assert not path.exists()


def test_files_are_read_again_only_when_they_changed_and_can_be_read(
    files: ServerTls, tmp_path: Path
) -> None:
    served_files = ServerFiles(files)
    assert served_files.newer() is None
    key, content = Path(files.private_key), Path(files.private_key).read_bytes()
    key.unlink()
    assert served_files.newer() is None
    (tmp_path / "new").write_bytes(content)
    (tmp_path / "new").rename(key)
    assert served_files.newer() is not None
    assert served_files.newer() is None


def test_a_socket_below_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / "file" / "xds.sock")
    with (
        pytest.raises(UsageError, match=f"listening on {path}: Not a directory"),
        served(ChangingState(shop()), tmp_path, addresses=[Address(path)], tls=None),
    ):
        pytest.fail("it was listened on")
