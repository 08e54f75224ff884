"""How much the name of a value says about it: `DB_PASSWORD`, `tokenType`, `cache_key`. Knows no values."""

import re
from enum import IntEnum
from functools import lru_cache

# What the scan looks for; a name that contains one of these is judged here.
KEYWORDS = (
    r"pass|pwd|pswd|psk|secret|token|cred|key|auth|cookie|\bsig\b|signature|salt|bearer|jwt|dsn"
    r"|[_.-]pat\b|\bpat\b|[_.-]pw\b|\bpw\b|rootpw|bindpw|licen[sc]e|passcode|community|identified by"
    r"|recovery.?code|backup.?code|kennwort|mot.?de.?passe|senha|wachtwoord"
)


class Strength(IntEnum):
    NONE = 0  # no secret
    WEAK = 1  # one if it is long and random, and no checksum
    TOKEN = 2  # one if it is random
    PASSWORD = 3  # one that a person may have chosen


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PASSWORD = _words(
    "password passwords passwd passwds passphrase passcode pass pwd pswd pw psk kennwort passwort passe senha"
    " wachtwoord requirepass masterauth bindpw rootpw storepass keypass community"
)
_TOKEN = _words(
    "secret secrets token tokens credential credentials cred creds bearer authorization apikey apikeys jwt pat"
    " accesskey secretkey privatekey accountkey authkey sig signature passkey"
)
_WEAK = _words("auth cookie salt dsn license licence code codes authentication")
_ENDINGS = {
    **dict.fromkeys(("password", "passwords", "passwd", "passphrase"), Strength.PASSWORD),
    **dict.fromkeys(("secret", "token", "apikey", "accesskey", "secretkey", "privatekey"), Strength.TOKEN),
    **dict.fromkeys(("accountkey", "authkey", "credentials"), Strength.TOKEN),
    "community": Strength.PASSWORD,
}
# Last words that say nothing: SECRET_KEY_BASE, client-key-data, token_prod.
_NEUTRAL = _words(
    "data value val base base64 b64 string str plain plaintext raw encoded hex pem key prod production dev staging live"
    " test old new current default"
)
# The last word of a name whose value is no secret, but something about one.
_ABOUT = _words(
    "name names type types id ids url uri path file filename dir folder count size len length limit ttl age field"
    " fields header headers prefix suffix endpoint kind class param params format hint label placeholder regex pattern"
    " policy algorithm alg algo hash sha digest md fingerprint thumbprint checksum arn version required enabled min max"
    " index idx pos position offset start end strength title text message error validator provider scope scopes issuer"
    " service manager store group description help prompt method mode status state view form page button input column"
    " table event role rotation expiry expires expiration days hours minutes seconds bytes bits ref reference env var"
    " variable host port date time at"
)
# The word before "key" if the key only identifies something.
_NO_KEY = _words(
    "public publishable foreign sort partition cache unique composite surrogate candidate natural dict map"
    " object row index lookup group i18n translation registry routing idempotency hot press s3 state query react item"
    " config json field column lang locale translate msg message arrow shift ctrl alt meta event keyboard node tree"
    " bucket dedup dedupe job task queue stream topic metric feature flag record shard hash range any pub pk fk recv"
    " send order sorting value this ssh test"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@lru_cache(maxsize=4096)
def strength_of(name: str) -> Strength:
    """Of an identifier in any style, with dots between its parts or not."""
    words = [word.lower() for word in _WORD.findall(name)]
    while len(words) > 1 and (words[-1].isdigit() or (words[-1] in _NEUTRAL and _is_keyword(words[-2]))):
        words.pop()
    if not words:
        return Strength.NONE
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "id" and before == "secret":  # of Vault's AppRole
        return Strength.TOKEN
    if name.endswith("_auth") and last == name.strip("_"):  # of npm
        return Strength.TOKEN
    if last in _ABOUT:
        return Strength.NONE
    if last in ("key", "keys"):
        return _of_key(before)
    return _of_word(last, "".join(words))


def _is_keyword(word: str) -> bool:
    return word in _PASSWORD or word in _TOKEN or word == "key"


def _of_word(last: str, joined: str) -> Strength:
    if last in _PASSWORD:
        return Strength.PASSWORD
    if last in _TOKEN:
        return Strength.TOKEN
    for ending, strength in _ENDINGS.items():
        if joined.endswith(ending):
            return strength
    return Strength.WEAK if last in _WEAK else Strength.NONE


def _of_key(before: str) -> Strength:
    if before in _NO_KEY:
        return Strength.NONE
    if before == "primary":  # of a database, or of an account at Azure
        return Strength.WEAK
    return Strength.TOKEN if before else Strength.WEAK
