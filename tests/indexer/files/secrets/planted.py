"""Secrets as issuers make them, at the places where people leave them, from a fixed seed. None was ever valid.

Assembled at run time, so that no scanner finds one in this file.
"""

import base64
import random
import string
from collections.abc import Callable, Iterator

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
HEX, ALNUM, BASE36 = "0123456789abcdef", LOWER + UPPER + DIGITS, LOWER + DIGITS
BASE64, URL_SAFE, BASE32 = ALNUM + "+/", ALNUM + "-_", UPPER + "234567"
SIGNS = "!@#%^&*?+~"


class Source:
    """Random texts. Each has a digit, a small and a capital letter if its alphabet has them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self, alphabet: str, length: int) -> str:
        while True:
            value = "".join(self._random.choices(alphabet, k=length))
            kinds = [set(kind) & set(alphabet) for kind in (LOWER, UPPER, DIGITS)]
            if length < 8 or all(not kind or kind & set(value) for kind in kinds):
                return value

    def uuid(self) -> str:
        return "-".join(self.text(HEX, n) for n in (8, 4, 4, 4, 12))

    def password(self) -> str:
        return self.text(ALNUM, 9) + self.text(SIGNS, 2) + self.text(ALNUM, 3)

    def base64(self, length: int) -> str:
        return base64.b64encode(self._random.randbytes(length)).decode()


# Tokens with an issuer's format, by kind.
TOKENS: dict[str, Callable[[Source], str]] = {
    "aws key": lambda s: "AK" + "IA" + s.text(BASE32, 16),
    "aws session key": lambda s: "AS" + "IA" + s.text(BASE32, 16),
    "github": lambda s: "gh" + "p_" + s.text(ALNUM, 36),
    "github app": lambda s: "gh" + "s_" + s.text(ALNUM, 36),
    "github fine": lambda s: "github" + "_pat_" + s.text(ALNUM, 22) + "_" + s.text(ALNUM, 59),
    "gitlab": lambda s: "gl" + "pat-" + s.text(URL_SAFE, 20),
    "gitlab runner": lambda s: "gl" + "rt-" + s.text(URL_SAFE, 20),
    "slack bot": lambda s: "xo" + f"xb-{s.text(DIGITS, 12)}-{s.text(DIGITS, 13)}-" + s.text(ALNUM, 24),
    "slack app": lambda s: "xa" + f"pp-1-A{s.text(UPPER, 10)}-{s.text(DIGITS, 13)}-" + s.text(HEX, 64),
    "google": lambda s: "AI" + "za" + s.text(URL_SAFE, 35),
    "google client": lambda s: "GOC" + "SPX-" + s.text(URL_SAFE, 28),
    "google access": lambda s: "ya" + "29.a0" + s.text(URL_SAFE, 120),
    "stripe": lambda s: "sk" + "_live_" + s.text(ALNUM, 24),
    "stripe restricted": lambda s: "rk" + "_live_" + s.text(ALNUM, 99),
    "stripe webhook": lambda s: "wh" + "sec_" + s.text(ALNUM, 32),
    "openai": lambda s: "sk" + "-proj-" + s.text(URL_SAFE, 48),
    "openai old": lambda s: "sk" + "-" + s.text(ALNUM, 48),
    "anthropic": lambda s: "sk" + "-ant-api03-" + s.text(URL_SAFE, 93) + "AA",
    "hugging face": lambda s: "h" + "f_" + s.text(LOWER + UPPER, 34),
    "replicate": lambda s: "r" + "8_" + s.text(ALNUM, 37),
    "groq": lambda s: "gs" + "k_" + s.text(ALNUM, 52),
    "npm": lambda s: "np" + "m_" + s.text(ALNUM, 36),
    "pypi": lambda s: "py" + "pi-AgEIcHlwaS5vcmc" + s.text(URL_SAFE, 120),
    "rubygems": lambda s: "ruby" + "gems_" + s.text(HEX, 48),
    "crates": lambda s: "ci" + "o" + s.text(ALNUM, 32),
    "nuget": lambda s: "oy" + "2" + s.text(BASE36, 43),
    "docker": lambda s: "dckr" + "_pat_" + s.text(URL_SAFE, 27),
    "sendgrid": lambda s: "S" + f"G.{s.text(URL_SAFE, 22)}." + s.text(URL_SAFE, 43),
    "mailgun": lambda s: "ke" + "y-" + s.text(HEX, 32),
    "mailchimp": lambda s: s.text(HEX, 32) + "-us" + "12",
    "brevo": lambda s: "xkey" + f"sib-{s.text(HEX, 64)}-" + s.text(ALNUM, 16),
    "twilio": lambda s: "S" + "K" + s.text(HEX, 32),
    "digitalocean": lambda s: "do" + "p_v1_" + s.text(HEX, 64),
    "databricks": lambda s: "da" + "pi" + s.text(HEX, 32),
    "vault": lambda s: "hv" + "s." + s.text(URL_SAFE, 95),
    "terraform": lambda s: s.text(ALNUM, 14) + ".atlas" + "v1." + s.text(URL_SAFE, 67),
    "doppler": lambda s: "dp" + ".pt." + s.text(ALNUM, 43),
    "pulumi": lambda s: "pu" + "l-" + s.text(HEX, 40),
    "shopify": lambda s: "shp" + "at_" + s.text(HEX, 32),
    "square": lambda s: "sq0" + "atp-" + s.text(URL_SAFE, 22),
    "grafana": lambda s: "gl" + f"sa_{s.text(ALNUM, 32)}_" + s.text(HEX, 8),
    "new relic": lambda s: "NR" + "AK-" + s.text(UPPER + DIGITS, 27),
    "sentry": lambda s: "sntr" + "yu_" + s.text(HEX, 64),
    "dynatrace": lambda s: "dt0" + f"c01.{s.text(BASE32, 24)}." + s.text(BASE32, 64),
    "linear": lambda s: "lin" + "_api_" + s.text(ALNUM, 40),
    "notion": lambda s: "nt" + "n_" + s.text(DIGITS, 11) + s.text(ALNUM, 35),
    "figma": lambda s: "fig" + "d_" + s.text(URL_SAFE, 40),
    "airtable": lambda s: "pa" + f"t{s.text(ALNUM, 14)}." + s.text(HEX, 64),
    "atlassian": lambda s: "ATA" + "TT3xFfGF0" + s.text(URL_SAFE, 180),
    "bitbucket": lambda s: "AT" + "BB" + s.text(ALNUM, 32),
    "postman": lambda s: "PM" + f"AK-{s.text(HEX, 24)}-" + s.text(HEX, 34),
    "hubspot": lambda s: "pa" + "t-na1-" + s.uuid(),
    "telegram": lambda s: s.text("123456789", 10) + ":A" + "A" + s.text(URL_SAFE, 33),
    "discord": lambda s: "M" + f"T{s.text(ALNUM, 24)}.G{s.text(ALNUM, 5)}." + s.text(URL_SAFE, 38),
    "azure": lambda s: s.text(ALNUM, 3) + "8Q" + "~" + s.text(ALNUM, 34),
    "alibaba": lambda s: "LT" + "AI5t" + s.text(ALNUM, 18),
    "fly": lambda s: "fo" + "1_" + s.text(URL_SAFE, 43),
    "tailscale": lambda s: "ts" + f"key-auth-{s.text(ALNUM, 12)}CNTRL-" + s.text(ALNUM, 32),
    "planetscale": lambda s: "pscale" + "_tkn_" + s.text(URL_SAFE, 43),
    "supabase": lambda s: "sb" + "p_" + s.text(HEX, 40),
    "sonarqube": lambda s: "sq" + "p_" + s.text(HEX, 40),
    "circleci": lambda s: "CCI" + f"PAT_{s.text(ALNUM, 22)}_" + s.text(HEX, 40),
    "buildkite": lambda s: "bk" + "ua_" + s.text(HEX, 40),
    "typeform": lambda s: "tf" + "p_" + s.text(URL_SAFE, 44),
    "json web token": lambda s: f"ey{'J'}{s.text(ALNUM, 34)}.ey{'J'}{s.text(ALNUM, 60)}." + s.text(URL_SAFE, 43),
    "age": lambda s: "AGE-SECRET" + "-KEY-1" + s.text("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
    "1password": lambda s: "A" + "3-" + "-".join(s.text(UPPER + DIGITS, n) for n in (6, 6, 5, 5, 5, 5)),
    "clojars": lambda s: "CLO" + "JARS_" + s.text(HEX, 60),
    "prefect": lambda s: "pn" + "u_" + s.text(ALNUM, 36),
    "readme": lambda s: "rd" + "me_" + s.text(BASE36, 70),
    "duffel": lambda s: "duff" + "el_live_" + s.text(URL_SAFE, 43),
    "easypost": lambda s: "EZ" + "AK" + s.text(ALNUM, 54),
    "perplexity": lambda s: "pp" + "lx-" + s.text(ALNUM, 48),
    "artifactory": lambda s: "AK" + "Cp" + s.text(ALNUM, 69),
}
# Where tokens stand: their format alone says what they are.
PLACES = (
    "client = Client('{}')",
    "# old one: {}.",
    "see https://api.acme.io/v1/{}/items",
    "args: [--verbose, {}]",
    "{}",
    '{{"k":"{}"}}',
    "first line\\n{}\\nlast line",
    "run(`{}`);",
    "| prod | {} |",
    "https://api.acme.io/x?a={}&b=2",
)
# A value whose name says what it is. P: a password, H: 32 hexadecimal digits, T: 40 characters, U: a UUID.
NAMED = (
    ("env", "P", "DB_PASSWORD={}"),
    ("env, quoted", "P", 'export ADMIN_PASS="{}"'),
    ("shell default", "T", "TOKEN=${{TOKEN:-{}}}"),
    ("shell", "T", "export SLACK_SIGNING_SECRET={}"),
    ("fish", "T", "set -gx API_KEY {}"),
    ("csh", "T", "setenv AUTH_TOKEN {}"),
    ("batch", "P", "set PASSWORD={}"),
    ("powershell", "P", '$Password = ConvertTo-SecureString "{}" -AsPlainText -Force'),
    ("ini", "P", "[db]\nuser = app\npassword = {}\n"),
    ("properties", "P", "spring.datasource.password={}"),
    ("properties, colon", "T", "app.jwt.secret: {}"),
    ("yaml", "P", "database:\n  user: app\n  password: {}\n"),
    ("yaml, quoted", "T", "  api_key: '{}'"),
    ("yaml, block", "T", "  secret_key: |\n    {}\n"),
    ("yaml, flow", "P", "db: {{user: app, password: {}, port: 5432}}"),
    ("kubernetes env", "P", "env:\n  - name: DB_PASSWORD\n    value: {}\n"),
    ("compose list", "P", "    environment:\n      - POSTGRES_PASSWORD={}\n"),
    ("compose map", "P", "      MYSQL_ROOT_PASSWORD: {}"),
    ("dockerfile env", "T", "ENV NPM_TOKEN={}"),
    ("dockerfile old env", "T", "ENV GITHUB_TOKEN {}"),
    ("dockerfile arg", "T", "ARG API_SECRET={}"),
    ("toml", "T", 'secret_key = "{}"'),
    ("json", "P", '{{"user": "app", "password": "{}"}}'),
    ("json pair", "T", '{{"name": "API_TOKEN", "value": "{}"}}'),
    ("escaped json", "T", '"{{\\"client_secret\\": \\"{}\\"}}"'),
    ("xml element", "P", "<password>{}</password>"),
    ("xml attribute", "P", '<bean class="X" password="{}"/>'),
    ("xml add", "T", '<add key="ApiSecret" value="{}" />'),
    ("xml property", "P", '<property name="hibernate.connection.password">{}</property>'),
    ("plist", "T", "<key>ApiSecretKey</key>\n\t<string>{}</string>"),
    ("android", "T", '<string name="maps_api_key">{}</string>'),
    ("terraform variable", "P", 'variable "db_password" {{\n  type = string\n  default = "{}"\n}}'),
    ("terraform", "P", '  administrator_login_password = "{}"'),
    ("hcl", "T", 'token = "{}"'),
    ("helm set", "P", "helm upgrade x ./x --set auth.password={}"),
    ("flag", "P", "deploy --user app --password {} --now"),
    ("flag with equals", "T", "deploy --api-token={}"),
    ("python", "T", 'SECRET_KEY = "{}"'),
    ("python keyword", "P", 'connect(host, password="{}")'),
    ("python typed", "T", 'token: str = "{}"'),
    ("python dict", "T", "{{'secret_access_key': '{}'}}"),
    ("python environ", "T", 'os.environ["STRIPE_KEY"] = "{}"'),
    ("python getenv", "T", 'os.getenv("JWT_SECRET", "{}")'),
    ("python wrapped", "T", 'api_key = SecretStr("{}")'),
    ("django", "T", "SECRET_KEY = 'django-insecure-{}'"),
    ("javascript", "T", "const apiKey = '{}';"),
    ("javascript or", "T", "const secret = process.env.JWT_SECRET || '{}';"),
    ("typescript", "P", "  private readonly password: string = '{}';"),
    ("java", "P", 'private static final String PASSWORD = "{}";'),
    ("java setter", "P", 'dataSource.setPassword("{}");'),
    ("java annotation", "T", '@Value("${{app.secret:{}}}")'),
    ("kotlin", "T", 'val apiToken: String = "{}"'),
    ("c#", "P", 'public string Password {{ get; set; }} = "";\nvar password = @"{}";'),
    ("connection string", "P", '"Server=db;Database=x;User Id=sa;Password={};Encrypt=true"'),
    ("azure connection string", "K", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={};EndpointSuffix=core"),
    ("jdbc", "P", "jdbc:mysql://db:3306/x?user=app&password={}&useSSL=false"),
    ("go", "T", 'const apiToken = "{}"'),
    ("go struct", "P", 'Config{{User: "app", Password: "{}"}}'),
    ("rust", "T", 'let token: &str = "{}";'),
    ("ruby", "T", "config.secret_key_base = '{}'"),
    ("ruby hash", "P", ":password => '{}',"),
    ("php define", "P", "define('DB_PASSWORD', '{}');"),
    ("php array", "T", "'api_secret' => '{}',"),
    ("perl", "P", "my $password = '{}';"),
    ("lua", "T", 'config["auth_token"] = "{}"'),
    ("elixir", "T", 'secret_key_base: "{}"'),
    ("swift", "T", 'let apiKey: String = "{}"'),
    ("c", "T", '#define API_KEY "{}"'),
    ("c array", "P", 'static const char password[] = "{}";'),
    ("r", "T", 'api_token <- "{}"'),
    ("sql", "P", "CREATE USER app IDENTIFIED BY '{}';"),
    ("sql role", "P", "ALTER ROLE app WITH LOGIN PASSWORD '{}';"),
    ("makefile", "T", "API_TOKEN ?= {}"),
    ("header", "T", "Authorization: Bearer {}"),
    ("header in code", "T", 'headers = {{"Authorization": "Bearer {}"}}'),
    ("header of curl", "H", "curl -H 'X-Api-Key: {}' https://api.acme.io"),
    ("basic", "B", "Authorization: Basic {}"),
    ("curl user", "P", "curl -u app:{} https://api.acme.io"),
    ("mysql", "P", "mysql -u root -p{} shop"),
    ("sshpass", "P", "sshpass -p '{}' ssh app@host"),
    ("docker login", "P", "docker login -u app -p {} registry.acme.io"),
    ("netrc", "P", "machine api.acme.io login app password {}"),
    ("npmrc", "T", "//registry.npmjs.org/:_authToken={}"),
    ("redis", "P", "requirepass {}"),
    ("postgres url", "L", "postgres://app:{}@db:5432/shop"),
    ("mongo url", "L", "mongodb+srv://app:{}@cluster0.acme.net/x"),
    ("redis url", "L", "REDIS_URL=redis://:{}@cache:6379/0"),
    ("git url", "T", "git clone https://{}@git.acme.io/x.git"),
    ("query", "T", "https://api.acme.io/items?page=2&access_token={}&x=1"),
    ("signed url", "E", "https://x.blob.core.windows.net/c/f?sv=2024-01-01&sig={}"),
    ("heroku", "U", "HEROKU_API_KEY={}"),
    ("vault approle", "U", "secret_id: {}"),
    ("kubeconfig", "V", "    client-key-data: {}"),
    ("docker config", "B", '"auths": {{"registry.acme.io": {{"auth": "{}"}}}}'),
    ("docs", "T", "Use the API key `{}` for tests."),
    ("docs table", "T", "| Secret key | `{}` |"),
    ("long value", "V", 'private_key = "{}"'),
    ("wireguard", "W", "PrivateKey = {}"),
    ("aws secret", "T", "aws_secret_access_key = {}"),
    ("laravel", "W", "APP_KEY=base64:{}"),
    ("datadog", "H", "DD_API_KEY: {}"),
    ("cookie", "T", "Cookie: session={}; theme=dark"),
    ("java call", "P", 'DriverManager.getConnection(url, "app", "{}");'),
    ("requests", "P", 'requests.get(url, auth=("app", "{}"))'),
    ("wifi", "P", '    psk="{}"'),
    ("ansible", "P", "host1 ansible_user=app ansible_password={}"),
    ("gradle", "P", "    storePassword '{}'"),
)


def planted() -> Iterator[tuple[str, str, str]]:
    """Kind, text, and the secret value in it: more than 300."""
    source = Source(15)
    for n, (kind, make) in enumerate(TOKENS.items()):
        for i in range(3):
            value = make(source)
            yield kind, PLACES[(3 * n + i) % len(PLACES)].format(value), value
    makers: dict[str, Callable[[], str]] = {
        "P": source.password,
        "T": lambda: source.text(ALNUM, 40),
        "H": lambda: source.text(HEX, 32),
        "U": source.uuid,
        "K": lambda: source.base64(64),
        "W": lambda: source.base64(32),
        "V": lambda: source.base64(900),
        "B": lambda: base64.b64encode(f"app:{source.password()}".encode()).decode(),
        "L": lambda: source.text(ALNUM, 14),
        "E": lambda: source.text(ALNUM, 40) + "%3D",
    }
    for kind, make_, form in NAMED:
        value = makers[make_]()
        yield kind, form.format(value), value


def private_key(kind: str, lines: int, seed: int = 1) -> tuple[str, list[str]]:
    """A private key, without an end, and the lines of its body."""
    source = Source(seed)
    body = [source.text(BASE64, 64) for _ in range(lines)]
    return "\n".join([f"-----BEGIN {kind}" + " PRIVATE" + " KEY-----", *body]), body
