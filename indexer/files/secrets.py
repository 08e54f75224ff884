"""Replaces secret values in a text before it is stored. Line numbers stay the same.

Conservative: a value counts as a credential only by its issuer's format or by its randomness.
"""

import math
import re

MARK = "[secret removed]"

# Formats as documented by their issuers; each has a prefix that ordinary code does not have.
_TOKENS = (
    r"(?:AKIA|ASIA)[0-9A-Z]{16}\b",  # AWS access key id
    r"gh[pousr]_[A-Za-z0-9]{36,255}\b",  # GitHub
    r"github_pat_[A-Za-z0-9_]{22,255}\b",
    r"glpat-[A-Za-z0-9_-]{20,}",  # GitLab
    r"xox[abeprs]-[A-Za-z0-9-]{10,}",  # Slack
    r"hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,}",
    r"AIza[0-9A-Za-z_-]{35}",  # Google
    r"GOCSPX-[0-9A-Za-z_-]{28}",
    r"[sr]k_(?:live|test)_[0-9A-Za-z]{20,}",  # Stripe
    r"sk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{32,}",  # OpenAI, Anthropic
    r"npm_[A-Za-z0-9]{36}\b",
    r"pypi-AgE[A-Za-z0-9_-]{50,}",
    r"hf_[A-Za-z0-9]{34}\b",
    r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",  # SendGrid
    r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",  # JSON Web Token
)
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])(?:" + "|".join(_TOKENS) + ")")
_KEY_BLOCK = re.compile(
    r"(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)((?:(?!-----END ).){32,20000})(?=-----END )", re.DOTALL
)
_URL = re.compile(r"(?<=://)([^\s/:@'\"<>{}$%]+:)([^\s/:@'\"<>{}$%]{3,})(?=@[\w.-])")
_ASSIGNED = re.compile(r"([:=]>?[ \t]{0,3}[\"'`])([^\s\"'`]{12,200})(?=[\"'`])")
_KEY = re.compile(
    r"(?:password|passwd|secret(?:_?key)?|token|api_?key|access_?key|private_?key|auth_?key|credential)s?[\"'\]]{0,2}\s{0,3}:?$",
    re.IGNORECASE,
)
_HINTS = (  # every token contains one of these: a substring search is far faster than the pattern
    *("AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "hooks.slack", "AIza"),
    *("GOCSPX", "k_live_", "k_test_", "sk-", "npm_", "pypi-", "hf_", "SG.", "eyJ"),
)
_PLACEHOLDER = re.compile(
    r"example|sample|dummy|placeholder|change.?me|your|xxxx|test|secret|password|12345|<|\$\{|\{\{|%\(|\*\*\*",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z]+(?:[_./:-](?:[A-Za-z]+\d{0,3}|\d{1,4}))+")  # words with separators, not random
_BITS = 3.2  # Shannon entropy per character: words have less, 20 characters of random base64 about 4


def mask(text: str) -> str:
    """`text` with each secret value replaced by `MARK`; the number of lines stays the same."""
    if "PRIVATE KEY" in text:
        text = _KEY_BLOCK.sub(_blank_block, text)
    if any(hint in text for hint in _HINTS):
        text = _TOKEN.sub(MARK, text)
    if "://" in text and "@" in text:
        text = _URL.sub(_blank_value, text)
    return _ASSIGNED.sub(_blank_assigned, text)


def _blank_block(match: re.Match[str]) -> str:
    return f"{match[1]}{MARK}" + "\n" * match[2].count("\n")


def _blank_value(match: re.Match[str]) -> str:
    return match[1] + (MARK if _looks_random(match[2]) else match[2])


def _blank_assigned(match: re.Match[str]) -> str:
    # The name is checked after the literal: literals of this length are rarer than such names.
    is_secret = _looks_random(match[2]) and _KEY.search(match.string, max(0, match.start() - 60), match.start())
    return match[1] + (MARK if is_secret else match[2])


def _looks_random(value: str) -> bool:
    """Whether the value has about the entropy of a random string of its length, and no words in it."""
    if len(value) < 8 or _PLACEHOLDER.search(value) or _NAME.fullmatch(value):
        return False
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))
    return (
        kinds >= 2
        and re.search("[0-9]", value) is not None
        and _entropy(value) >= min(_BITS, math.log2(len(value)) * 0.85)
    )


def _entropy(value: str) -> float:
    """Shannon entropy in bits per character."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in map(value.count, set(value)))
