"""Whether a value looks like a secret: by its randomness, and by what it can be instead.

Knows no names: `names` says what a value is called. Texts are cut to a fixed length first, so all of this is linear.
"""

import math
import re
from collections import Counter
from itertools import pairwise

_JUDGED = 300  # characters: more of a value says nothing new

# For each letter, those that hardly follow it in 50,000 words of code: fewer than 22 of 100,000 pairs.
_RARE = frozenset(
    a + b
    for a, others in {
        **{"a": "joqz", "b": "ghknqvwxz", "c": "gjqwxz", "d": "hjkqwxz", "e": "j", "f": "hjkqvwxz", "g": "jkqvwxyz"},
        **{"h": "bfghjkpqvwxz", "i": "hjqwy", "j": "bcdfghijklmnpqrtvwxyz", "k": "bfghjkmpqvwxyz", "l": "hjqwxz"},
        **{"m": "ghjkqvwxz", "n": "jqxz", "o": "jqyz", "p": "bgjkqwxz", "q": "abcdefghijkmnopqrtvwxyz", "r": "jqxz"},
        **{"s": "jxz", "t": "jxz", "u": "hjkquvwxyz", "v": "bdfghjkmnqruvwxyz", "w": "bdfgjkmpqtuvwxyz"},
        **{"x": "bdghjklnoqruvwxyz", "y": "bghjkquvwxyz", "z": "bcdfghjklmnopqrstuvwxyz"},
    }.items()
    for b in others
)
# The same for fewer than 100 of 100,000 pairs.
_UNCOMMON = frozenset(
    a + b
    for a, others in {
        **{"a": "aefhvwx", "b": "bcdfjmpty", "c": "bdfmnpvy", "d": "bcfgmnptvy", "e": "bhkouz", "f": "bcdgmnpsty"},
        **{"g": "bcdfgmpt", "h": "cdlmnrsuy", "i": "ikux", "j": "aeosu", "k": "acdlnortu", "l": "bcfgkmnprv"},
        **{"m": "cdflnrty", "n": "bhklmprwy", "o": "aehx", "p": "cdfmnv", "q": "ls", "r": "bfhvw", "s": "bdfgkmnqrvw"},
        **{"t": "bdfgkmnqvw", "u": "dgo", "v": "clopst", "w": "chlnors", "x": "acefimps", "y": "acdefilmnorst"},
        **{"z": "ai"},
    }.items()
    for b in others
)
_CLASSES = str.maketrans(
    {c: k for k, chars in (("a", "abcdefghijklmnopqrstuvwxyz"), ("0", "0123456789")) for c in chars}
    | dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "A")
)
_SWITCHES = ("a0", "0a", "A0", "0A")
_RATE = 0.22  # switches and rare pairs per character: random text has 0.4 and more, names with numbers 0.1

_PLACEHOLDER = re.compile(
    r"example|placeholder|change.?(?:me|it|this)|your|dummy|sample|redacted|replace|insert|xxxx|\.\.\.|fake|lorem|todo"
    r"|invalid|foobar|deadbeef|cafebabe|undefined|removed|masked|hidden|\*\*\*|not[-_ ]?(?:a|real|so)|<|…",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"password|passwd|passphrase|passw?|pwd|secret|token|api|key|test(?:ing|er)?|user(?:name)?|admin|root|guest|demo|"
    r"default|value|string|hello|world|super|new|old|valid|wrong|correct|bad|good|access|private|public|client|auth|"
    r"login|here|foo|bar|baz|qux|abc|xyz|local(?:host)?|postgres(?:ql)?|mysql|redis|mongo(?:db)?|rabbitmq|minio|"
    r"my|the|some|dev|prod|staging|none|null|true|false|0?123\d*|bearer|basic|credentials?|random|long|"
    r"latin\d|iso-?8859-?\d+|(?:sha|aes|hmac|rsa|md|ed|utf-?|cp|base|x|v|es|hs|rs|ps|uint|int|float)\d+",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"\[\^?[a-zA-Z]-[zZfF]|a-zA-Z|0-9\]|\(\?[:i<]"  # a regular expression
    r"|\$\{|\$\(|\{\{|\{%|<%|%\(\w|#\{|@\{|\$\{\{"  # a template anywhere
    r"|^(?:\$[A-Za-z_][\w:.]*|%\w+%|%[a-z]|@\w+@|__\w+__|\{\w*\}|\[[^\]]*\]|&[a-z][\w.]*|!\w+.*)$"  # all of it
    r"|^(?:https?://|file:|arn:|op://|vault:|urn:|data:|projects/|ENC\[|ref\+|AQICA|\$ANSIBLE_VAULT|sha(?:1|256|384|512)[:-]"
    r"|md5:|ssh-(?:rsa|dss|ed25519)|ecdsa-|MIIB?I?[jk]ANBgkqh|process\.env|os\.(?:environ|getenv|path)|ENV\["
    r"|(?:secrets?|vars?|local|data|module|self|this|env|config|settings|params|args|request|options)[.\[(]|new\s)",
)
_EXPRESSION = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|->|::|\?\.|!\.)[A-Za-z_$][\w$]*|\[|\()")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]+")
_HASH_LENGTHS = (32, 40, 56, 64, 96, 128)
_CAMEL_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Words and a number, as people join them: copper-harbor4821.
_WORDS_AND_NUMBER = re.compile(r"[A-Za-z]{3,}(?:[._-][A-Za-z]{3,})*[._-]?\d{3,6}[!#$%&@?*]?")
_DOTTED = re.compile(r"(?!.*(?:sha|md|utf|aes|hmac|blake|base|rsa|int|float)_?\d)[\w-]{3,}\.[\w-]*\d{3,}")
# Documented examples and test vectors that look random: the part that scanners do not look for.
_EXAMPLES = (
    *(
        "4eC39HqLyjWDarjtT1zdp7dc",
        "BQokikJOvBiI2HlWgH4olfQ2",
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50u",
    ),  # Stripe, Azure
    *("C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5", "QWxhZGRpbjpvcGVu", "dXNlcjpwYXNz", "dXNlcm5hbWU6cGFzc3dvcmQ"),
    *(
        "YWxhZGRpbjpvcGVuc2VzYW1l",
        "2YotnFZFEjr1zCsicMWpAA",
        "tGzv3JOkF0XG5Qx2TlKWIA",
        "czZCaGRSa3F0Mz",
        "mF_9.B5f-4.1JqM",
    ),
    *("gX1fBat3bV", "SlAV32hkKG", "GEZDGNBVGY3TQOJQ", "JBSWY3DPEHPK3PXP", "16C7e42F292c6912E7710c838347Ae178B4a"),
    *("eyJzdWIiOiIxMjM0NTY3ODkwIi", "eyJpc3MiOiJqb2UiLA0K", "wJalrXUtnFEMI", "IOSFODNN7", "I44QH8DHB", "GUBD5WSGN6"),
    *(
        "2b7e151628aed2a6abf7158809cf4f3c",
        "603deb1015ca71be2b73aef0857d7781",
        "123e4567-e89b-12d3",
        "550e8400-e29b-41d4",
    ),
    *(
        "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
        "f47ac10b-58cc-4372",
        "6ba7b810-9dad-11d1",
        "ac0974bec39a17e3",
        "8a477f597d28d172789f06886806bc55",
    ),
)


def is_harmless(value: str) -> bool:
    """Whether it is a reference to a value, a placeholder, a documented example, or a sequence."""
    value = value[:_JUDGED]
    if _PLACEHOLDER.search(value) or _REFERENCE.search(value):
        return True
    for example in _EXAMPLES:  # a loop: `any` takes three times as long
        if example in value:
            return True
    return _is_sequence(value)


def is_placeholder(value: str) -> bool:
    """Whether little is left of it without the words that stand for a secret."""
    rest = _FILLER.sub("", value[:_JUDGED])
    return sum(map(str.isalnum, rest)) <= max(2, len(value[:_JUDGED]) // 5)


def is_random(value: str, least: int = 8) -> bool:
    """Whether its characters change as those of a random text, which is at least `least` long."""
    value = value[:_JUDGED]
    if len(value) < least or len(set(value)) < min(6, len(value) * 5 // 8) or not any(map(str.isalpha, value)):
        return False
    if _HEX.fullmatch(value) and len(value) >= 16:
        return any(map(str.isdigit, value)) and entropy(value) >= 2.8
    classes, small = value.translate(_CLASSES), value.lower()
    switches = sum(map(classes.count, _SWITCHES))
    odd = switches + strangeness(small) + classes.count("aA") / 2
    return odd >= max(2.0, _RATE * len(value)) and (switches > 0 or odd >= 0.3 * len(value)) and not _is_wordy(value)


def strangeness(value: str) -> float:
    """How many pairs of small letters in it are rare in words; uncommon ones count half."""
    pairs = [a + b for a, b in pairwise(value)]
    return sum(pair in _RARE for pair in pairs) + sum(pair in _UNCOMMON for pair in pairs) / 2


def is_unpronounceable(value: str, share: float = 0.2) -> bool:
    """Whether it is letters alone that form no word: of 8 random ones nine in ten do, of words one in thirty."""
    value = value[:_JUDGED]
    if len(value) < 8 or not value.isalpha() or not value.isascii():
        return False
    strange = strangeness(value.lower())
    parts = len(_CAMEL_PART.findall(value))
    return strange >= share * len(value) or (strange >= 0.1 * len(value) and parts > 2 and len(value) <= 3.2 * parts)


def is_token(value: str, quoted: bool) -> bool:
    """Whether a machine may have chosen it, if it is called a token, a secret or a key."""
    if is_uuid(value):
        return True
    if (
        len(value) < 8
        or is_placeholder(value)
        or (not quoted and _EXPRESSION.match(value) and not is_random(value, 20))
    ):
        return False
    if len(value) >= 12 and _WORDS_AND_NUMBER.fullmatch(value):
        return True
    if len(value) >= 10 and (_is_complex(value) or is_unpronounceable(value, 0.25)):
        return True
    return is_random(value) or _is_noisy(value)


def _is_noisy(value: str) -> bool:
    """Letters and digits between many signs, as frameworks choose them for their keys."""
    signs = len(set(value) & set("!@#$%^&*()-_=+"))
    kinds = value.translate(_CLASSES)
    return 30 <= len(value) <= 80 and signs >= 5 and "0" in kinds and "a" in kinds and not any(map(str.isspace, value))


def _is_complex(value: str) -> bool:
    """Small and capital letters, digits and signs, and none of the signs of paths and names."""
    present = {c if c in "aA0" else "#" for c in value.translate(_CLASSES)}
    return present == {"a", "A", "0", "#"} and re.search(r"[!@#$%^&*?~+]", value) is not None


def is_uuid(value: str) -> bool:
    return _UUID.fullmatch(value) is not None


def is_hash(value: str) -> bool:
    """Whether it can be a checksum: hexadecimal digits in the number that the usual functions give."""
    return _HEX.fullmatch(value) is not None and len(value.removeprefix("0x")) in _HASH_LENGTHS


def is_password(value: str, quoted: bool) -> bool:
    """Whether a person may have chosen it, if it is called a password: letters with digits or signs, no expression."""
    value = value[:_JUDGED]
    if len(value) < 6:
        return False
    if any(map(str.isspace, value)):
        return quoted and _is_passphrase(value)
    if not quoted and _EXPRESSION.match(value) and not _DOTTED.fullmatch(value):
        return False
    if value.isdigit():
        return len(value) >= 8
    classes = value.translate(_CLASSES)
    present = {c if c in "aA0" else "#" for c in classes}
    is_plain = re.search(r"[/\\]|^[\w.-]+$", value) is not None
    if present == {"a", "A", "0", "#"} and len(value) >= 8 and not is_plain:
        return True
    if is_placeholder(value):
        return False
    if {"a", "A", "0"} <= present and sum(map(str.isdigit, value)) >= 3:
        return quoted or "." not in value
    has_sign = re.search(r"[!@#$%^&*?~+]", value) is not None
    if "0" in present and len(present & {"a", "A"}) > 0:
        return has_sign or is_random(value) or _is_alphanumeric(value)
    if is_unpronounceable(value):
        return True
    return (quoted and has_sign and {"a", "A"} <= present) or is_random(value)


def _is_alphanumeric(value: str) -> bool:
    if re.fullmatch(r"[A-Za-z0-9_]+", value):
        return True
    digits = sum(map(str.isdigit, value))
    return re.fullmatch(r"[\w.-]+", value) is not None and digits >= (2 if "." not in value else 3)


def is_chosen(value: str) -> bool:
    """Whether it is a password even where most texts are none: random, or of all kinds of characters."""
    return is_random(value) or (len(value) >= 8 and _is_complex(value))


def is_url_password(value: str) -> bool:
    """Whether the part of a URL between user and host is a password: letters alone may be one there."""
    if value.startswith(("$", "%(", "{", "[", "*", ":")) or is_placeholder(value):
        return False
    return is_password(value, quoted=True) or (len(value) >= 8 and value.isalpha()) or is_random(value, 6)


def _is_passphrase(value: str) -> bool:
    """Several words, the digits or capitals of which make no sentence."""
    words = value.split()
    return (
        3 <= len(words) <= 12
        and any(map(str.isdigit, value))
        and not re.search(r"[.,:;?()=]|\b(?:the|an?|is|to|of|for|must|your)\b", value)
    )


def _is_sequence(value: str) -> bool:
    """Whether its characters mostly repeat or count, as in 0123456789abcdef."""
    near = [1 for a, b in pairwise(map(ord, value)) if -1 <= b - a <= 1]
    return len(value) >= 6 and len(near) > 0.45 * (len(value) - 1)


def _is_wordy(value: str) -> bool:
    """Whether most of it is words with separators between them."""
    words = re.findall(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}", value)
    plain = [word for word in words if not any(a + b in _RARE for a, b in pairwise(word.lower()))]
    return sum(len(word) for word in plain if len(word) >= 4) > 0.6 * len(value)


def entropy(value: str) -> float:
    """Shannon entropy in bits per character."""
    value = value[:_JUDGED]
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())
