"""One browser for the tests of all pages: it takes seconds to start."""

from collections.abc import Iterator

import pytest
from web.browser import Browser, running_browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as running:
        yield running
