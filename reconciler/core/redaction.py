"""Removes known secrets, and text that looks like a secret, from text of other programs.

Every pattern takes linear time: it cannot start twice in the same run of characters, or its
length is bounded.
"""

import re
from collections.abc import Callable, Collection
from functools import lru_cache

from reconciler import limits

HIDDEN = "[redacted]"
# Shorter ones are words, such as the "any" that a local endpoint takes for a secret key.
MIN_SECRET = 8
# A secret that was cut short in a message is found by so many of its first characters.
_PREFIX = 16
_MAX_WHOLE = 64
_MIN_OPAQUE = 48
_MAX_READ = 8 * limits.MAX_FOREIGN_CHARACTERS
# Encodings of a character that is not a letter or digit in HTML, URLs and JSON.
_ENCODINGS = r"|%[0-9a-f]{2}|&#?\w{1,6};|\\u[0-9a-f]{4}|\\."

_Replace = str | Callable[[re.Match[str]], str]


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """Return `text` without `secrets` and without text that looks like a secret.

    Secrets shorter than `MIN_SECRET` are not searched for.
    """
    known = _secrets_pattern(frozenset(secrets))
    if known is not None:
        text = known.sub(HIDDEN, text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def excerpt(
    text: str, secrets: Collection[str] = (), limit: int = limits.MAX_FOREIGN_CHARACTERS
) -> str:
    """Return at most `limit` characters of the first paragraph of `text`, redacted.

    Later paragraphs of an AWS error repeat the signed request.
    """
    paragraph = text.lstrip()[:_MAX_READ].replace("\r\n", "\n").partition("\n\n")[0].rstrip()
    shown = redact(paragraph, secrets)
    return shown if len(shown) <= limit else f"{shown[:limit]}…"


@lru_cache(maxsize=8)
def _secrets_pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """Return a pattern that matches each secret in any encoding; None without a secret."""
    patterns = [_secret_pattern(secret) for secret in sorted(secrets) if len(secret) >= MIN_SECRET]
    return re.compile("|".join(patterns), re.IGNORECASE) if patterns else None


def _secret_pattern(secret: str) -> str:
    letters = [
        letter if letter.isascii() and letter.isalnum() else f"(?:{re.escape(letter)}{_ENCODINGS})"
        for letter in secret
    ]
    # An STS token has about a thousand characters, all of them Base64.
    whole = "".join(letters[:_MAX_WHOLE])
    return (
        rf"(?:{whole}|{''.join(letters[:_PREFIX])})[\w+/=%.~&#;\\-]*"
        if letters[_PREFIX:]
        else whole
    )


def _hide_user(url: re.Match[str]) -> str:
    user, at, rest = url[0].rpartition("@")
    return f"://{HIDDEN}{at}{rest}" if user else url[0]


def _hide_opaque(run: re.Match[str]) -> str:
    """Return `[redacted]` for a run of Base64, unless it is a path of names."""
    parts = run[0].split("/")
    is_opaque = any(len(part) >= _MIN_OPAQUE and _is_mixed(part) for part in parts)
    return HIDDEN if is_opaque else run[0]


def _is_mixed(text: str) -> bool:
    return all(any(map(test, text)) for test in (str.isupper, str.islower, str.isdigit))


_LABEL = (
    r"((?<!client)(?<!next)(?:secret|token|passw(?:or)?d|signature|credential|"
    r"(?:api|access|private)[_-]?key)[\w-]{0,32}+"
)
_SPACED = r"""\\?["']?[ \t]{0,4}+[=:][ \t]{0,4}+"""
_QUOTE = r"""\\?["']"""
_PATTERNS: tuple[tuple[re.Pattern[str], _Replace], ...] = (
    (re.compile(r"""://[^\s"'<>]*"""), _hide_user),
    (re.compile(r"-----BEGIN .*", re.DOTALL), HIDDEN),
    (
        # A header, up to the end of the line.
        re.compile(r"""(authorization\\?["']?[ \t]{0,4}[=:])[^\r\n]+""", re.IGNORECASE),
        rf"\1 {HIDDEN}",
    ),
    (
        # token=…, "SecretAccessKey": "…", <SessionToken>…, x-amz-security-token:…, Signature%3D…
        re.compile(
            rf"""{_LABEL}(?:[=:>]|%3[ad]|{_SPACED}{_QUOTE})(?:{_QUOTE})?)[^\s"'<>&,;\\]+""",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    # In prose a word may follow: "the token file: No such file".
    (re.compile(rf"{_LABEL}{_SPACED})[\w+/=.~-]{{16,}}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(bearer[ \t]{1,4})[\w+/=.~-]{8,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    # Access key ids are not secrets, but they show an attacker which account to attack.
    (re.compile(r"(?<![A-Z0-9])A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Z0-9])"), HIDDEN),
    # JSON web tokens, and tokens of GitHub and GitLab.
    (re.compile(r"(?<!\w)(?:eyJ|gh[a-z]_|github_pat_|gl[a-z]{2,8}-)[\w.-]{16,}"), HIDDEN),
    # Signatures, and digests of requests.
    (re.compile(r"(?<!\w)[0-9a-f]{64}(?!\w)"), HIDDEN),
    (re.compile(r"(?<![\w+/=])[A-Za-z0-9+/=]{64,}"), _hide_opaque),
)
