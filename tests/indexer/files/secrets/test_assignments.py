"""Values with a secret name are masked in every syntax, whether a machine or a person has chosen them."""

import pytest

from indexer.files.secrets.masking import MARK, mask
from tests.indexer.files.secrets.planted import ALNUM, LOWER, UPPER, Source

SOURCE = Source(23)
VALUE = SOURCE.text(ALNUM, 20)
FORMS = [
    'std::string auth_token{{"{}"}};',
    'Dim password As String = "{}"',
    "DECLARE @password NVARCHAR(50) = '{}';",
    "secret: str = Field(default='{}')",
    "**Password:** {}\n",
    "POSTGRES_PASSWORD: {}1=a2\n",
    "database:\n  password:\n    default: {}\n",
    "<tr><td>Password</td><td>{}</td></tr>",
    "$cfg{{password}} = '{}';",
    'mapOf("password" to "{}")',
    'env::var("API_KEY").unwrap_or("{}".into())',
    "cy.get('#password').type('{}')",
    'string Password {{ get; set; }} = "{}";',
    "password: <%= ENV['X'] || '{}' %>",
    "token = os.environ.get('X') or '{}'",
    "npm config set _auth {}\n",
]


@pytest.mark.parametrize("form", FORMS)
def test_the_value_is_masked(form: str) -> None:
    assert VALUE not in mask(form.format(VALUE))
    assert MARK in mask(form.format(VALUE))


@pytest.mark.parametrize("form", ["password = '{}'", "smtp-pass: {}\n", "DB_PASSWORD={}\n"])
@pytest.mark.parametrize("value", ["velvet-canyon625", "Tundra-69harbor", "falcon.biscuit703", "monkey_orbit12"])
def test_words_and_a_number_are_a_password(form: str, value: str) -> None:
    assert mask(form.format(value)) == form.format(MARK)


def test_letters_alone_are_a_password_if_they_are_no_words() -> None:
    values = [SOURCE.text(alphabet, 12) for alphabet in (LOWER, LOWER + UPPER) for _ in range(50)]
    assert sum(mask(f"db_password = '{value}'") == f"db_password = '{MARK}'" for value in values) >= 90


@pytest.mark.parametrize(
    "text",
    [
        "password = 'authentication'",
        "passwords = 'Internationalization'",
        "hash_password = hashlib.sha256",
        "api_key: _AzureApiKeyT | None,",
        "password = settings.email_password",
        "token = 'nextStatement'",
    ],
)
def test_words_and_expressions_stay(text: str) -> None:
    assert mask(text) == text


def test_a_key_of_many_signs_is_masked() -> None:
    value = SOURCE.text(LOWER, 12) + "4%-)q*8$h(+=e!" + SOURCE.text(ALNUM, 15)
    assert mask(f"SECRET_KEY = '{value}'") == f"SECRET_KEY = '{MARK}'"
