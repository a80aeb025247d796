"""Runs git without code of a repository, within a time-out and with bounded output.

Hooks, filters, monitors and pagers do not run. git gets only the variables of our environment that
are listed here, because the others may contain credentials of the target.
"""

import fcntl
import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

from reconciler import limits
from reconciler.known_secrets import shown

_GIT = (
    *("git", "--no-pager", "--no-optional-locks", "--literal-pathspecs"),
    *("-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false"),
    *("-c", "safe.bareRepository=explicit"),
)
# A read must not fetch missing objects. Neither may a fetch: if the repository lacks them, each
# attempt starts the next one, without end.
_ALWAYS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
}
# A command that a repository configures must not run.
_OFFLINE = {"GIT_ALLOW_PROTOCOL": "none"}
_LOCAL_VARIABLES = ("PATH", "HOME", "TMPDIR")
# The means by which users give git proxies, certificates and credentials.
_NETWORK_VARIABLES = (
    *(*_LOCAL_VARIABLES, "USER", "LOGNAME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"),
    *("SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_CONFIG_GLOBAL", "KRB5CCNAME"),
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"),
    *("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"),
)


class GitError(Exception):
    """A git command failed; the text has its name and its message."""

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        """Create an error. `exit_code` is None if git did not end by itself."""
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class GitOptions:
    """How a git command runs."""

    transports: Collection[str] = ()
    """The transports that it may use; without one it uses no network."""
    settings: Iterable[tuple[str, str]] = ()
    """Names and values of git's configuration for this command."""
    git_directory: str | None = None
    """The repository; None to search for it from `directory`."""
    directory: str | None = None
    """The directory in which git runs; None for the working directory."""
    timeout_seconds: float | None = None
    """None for GIT_TIMEOUT_SECONDS."""
    on_wait: Callable[[], None] = field(default=lambda: None)
    """Called about once a second."""
    max_file_bytes: int | None = None
    """The size of the largest file that it may write."""
    inherited: tuple[int, ...] = ()
    """Descriptors that stay open in git, also if this process is killed."""


def run_git(*arguments: str, stdin: bytes = b"", options: GitOptions = GitOptions()) -> bytes:
    """Run git and return its output.

    Raises:
        GitError: It cannot be run, fails, prints too much, or does not end in time.
    """
    name = f"git {arguments[0]}"
    settings = [word for pair in options.settings for word in ("-c", "=".join(pair))]
    where = [f"--git-dir={options.git_directory}"] if options.git_directory else []
    try:
        with (
            _memory_file(stdin) as given,
            _death_signal() as (inherited, send_to),
            subprocess.Popen(  # noqa: S603  # arguments are checked by the callers
                [*_GIT, *settings, *where, *arguments],
                stdin=given,
                cwd=options.directory,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(options.transports),
                pass_fds=(*options.inherited, inherited),
                # Without a terminal, ssh cannot ask for a password.
                start_new_session=True,
            ) as process,
        ):
            send_to(process.pid)
            output, errors = _finish(process, name, options)
    except OSError as error:
        raise GitError(f"{name}: {error}") from error
    if process.returncode:
        raise _failure(name, process.returncode, errors, options)
    return bytes(output)


def _failure(name: str, code: int, errors: bytearray, options: GitOptions) -> GitError:
    # ssh draws a frame of @ around its warnings.
    text = " ".join(filter(lambda word: word.strip("@"), errors.decode(errors="replace").split()))
    if f"died of signal {signal.SIGXFSZ:d}" in text:
        text = f"it is larger than {(options.max_file_bytes or 0) >> 20} MiB"
    text = shown(text, limits.MAX_GIT_ERROR_CHARACTERS)
    return GitError(f"{name}: {text or f'exit code {code}'}", code if code > 0 else None)


def parse_contents(output: bytes, count: int) -> Iterator[bytes]:
    """Yield the contents in the output of ``cat-file --batch`` for `count` objects."""
    start = 0
    for _ in range(count):
        end = output.index(b"\n", start)
        size = int(output[start:end].split()[-1])
        yield output[end + 1 : end + 1 + size]
        start = end + size + 2


def _environment(transports: Collection[str]) -> dict[str, str]:
    names = _NETWORK_VARIABLES if transports else _LOCAL_VARIABLES
    passed = {name: os.environ[name] for name in names if name in os.environ}
    return (
        passed
        | _ALWAYS
        | ({"GIT_ALLOW_PROTOCOL": ":".join(transports)} if transports else _OFFLINE)
    )


def _memory_file(content: bytes) -> IO[bytes]:
    """Return a file with `content`, so that git never waits for us to write."""
    file = os.fdopen(os.memfd_create("stdin"), "w+b")
    file.write(content)
    file.seek(0)
    return file


@contextmanager
def _death_signal() -> Iterator[tuple[int, Callable[[int], None]]]:
    """Yield a descriptor for git to inherit, and a function that is called with its process group.

    If this process is killed within the block, the kernel ends git and its helpers: the last writer
    of a pipe is gone, and the signal for such an event is SIGKILL. Otherwise git could wait for a
    server for ever, and hold the lock.
    """
    reading, writing = os.pipe()

    def send_to(group: int) -> None:
        fcntl.fcntl(reading, fcntl.F_SETOWN, -group)
        fcntl.fcntl(reading, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)

    try:
        yield reading, send_to
    finally:
        # A helper in the background, such as that of credential-cache, goes on.
        fcntl.fcntl(reading, fcntl.F_SETFL, 0)
        os.close(writing)
        os.close(reading)


def _finish(
    process: subprocess.Popen[bytes], name: str, options: GitOptions
) -> tuple[bytearray, bytearray]:
    """Return the output and the errors of `process`, which is killed if it exceeds a limit."""
    timeout = options.timeout_seconds or limits.GIT_TIMEOUT_SECONDS
    try:
        if options.max_file_bytes is not None:
            limit = options.max_file_bytes
            # It may have ended already.
            with suppress(ProcessLookupError):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        deadline = time.monotonic() + timeout
        output, errors = _collect(process, name, deadline, options.on_wait)
        process.wait(max(0.0, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise GitError(f"{name}: timed out after {timeout:g} seconds") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return output, errors


def _collect(
    process: subprocess.Popen[bytes], name: str, deadline: float, on_wait: Callable[[], None]
) -> tuple[bytearray, bytearray]:
    output, errors, next_call = bytearray(), bytearray(), time.monotonic() + 1
    with selectors.DefaultSelector() as selector:
        for stream, kept in ((process.stdout, output), (process.stderr, errors)):
            assert stream is not None  # noqa: S101  # both are pipes
            selector.register(stream, selectors.EVENT_READ, kept)
        while selector.get_map():
            now = time.monotonic()
            if now >= deadline:
                raise TimeoutError
            if now >= next_call:
                next_call = now + 1
                on_wait()
            is_ended = process.poll() is not None
            events = selector.select(0 if is_ended else min(deadline, next_call, now + 0.05) - now)
            if is_ended and not events:
                # A process in the background, such as ssh with ControlPersist, holds the pipe.
                break
            for key, _ in events:
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.data is output or len(errors) < limits.MAX_GIT_FILE_BYTES:
                    key.data.extend(chunk)
            if len(output) > limits.MAX_GIT_OUTPUT_BYTES:
                raise GitError(f"{name}: printed more than {limits.MAX_GIT_OUTPUT_BYTES >> 20} MiB")
    return output, errors
