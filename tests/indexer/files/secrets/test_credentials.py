"""Passwords without a name are masked by the call, the command or the note in which they stand."""

import pytest

from indexer.files.secrets.masking import MARK, mask
from tests.indexer.files.secrets.planted import ALNUM, BASE64, DIGITS, HEX, UPPER, Source

SOURCE = Source(22)
PASSWORD, LONG, KEY = SOURCE.password(), SOURCE.text(ALNUM, 32), SOURCE.text(BASE64, 40)
FORMS = [
    (f'Client("AC{SOURCE.text(HEX, 32)}", "{{}}")', LONG),
    (f"algoliasearch('{SOURCE.text(UPPER, 10)}', '{{}}')", LONG),
    (f"Aws::Credentials.new('AK{'IA' + SOURCE.text(UPPER, 16)}', '{{}}')", KEY),
    ("jwt.sign(payload, '{}')", LONG),
    ("crypto.createHmac('sha256', '{}')", LONG),
    ("pyotp.TOTP('{}')", LONG),
    ("APISession('{}')", LONG),
    ('h = "SSWS {}"', LONG),
    ('sql.Open("mysql", "root:{}@tcp(db:3306)/x")', LONG),
    ("net use Z: \\\\h\\s /user:dom\\bob {}\n", PASSWORD),
    ("chpasswd:\n  list: |\n    root:{}\n", PASSWORD),
    ("rootpw --plaintext {}\n", PASSWORD),
    ('<input type="password" name="p" value="{}">', PASSWORD),
    ('<input value="{}" type="password">', PASSWORD),
    ('expect "assword:"\nsend "{}\\r"', LONG),
    ("SetEnv DB_PASSWORD {}\n", LONG),
    ("fastcgi_param DB_PASSWORD {};\n", LONG),
    ("gh secret set API_KEY --body '{}'", LONG),
    ("args:\n  - --api-key\n  - {}\n", LONG),
    ("USER, PASSWORD = 'bob', '{}'", PASSWORD),
    ("login=bob:{} x", LONG),
    ("admin / {}\n", LONG),
    (f"dsn = https://{{}}:x@sentry.io/{SOURCE.text(DIGITS, 6)}", SOURCE.text(HEX, 32)),
]


@pytest.mark.parametrize(("form", "value"), FORMS)
def test_the_value_is_masked(form: str, value: str) -> None:
    masked = mask(form.format(value))
    assert MARK in masked
    assert value not in masked


@pytest.mark.parametrize(
    "text",
    [
        'Client("reader", "customer_profile")',
        "jwt.verify(token, publicKey)",
        "h = 'Bearer token required'",
        "postgresql://user:pass@host/x?a=b",
        "collection = 'username/iccv-2023-64f9a55bb3115b4f513ec026'",
        '<input type="password" value="{{ password }}">',
        "ENV KEY_FILE /etc/ssl/server1.key\n",
        "user: Authentication\n",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert mask(text) == text
