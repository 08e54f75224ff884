"""Whether a file holds secrets by its path: by its name, by its folder, or because the path contains a token.

Knows no content. Templates of secret files and code count as other files: what they hold is masked.
"""

from indexer.files.secrets.linear import compiled
from indexer.files.secrets.masking import mask
from indexer.files.secrets.rules import token_spans

_STAGE = r"(?:local|dev(?:elopment)?|test(?:ing)?|ci|qa|uat|stag(?:e|ing)|prod(?:uction)?|live|private|preview|docker)"
# Not secret, whatever stands before: models of the real file, code, documentation, public halves of keys.
_HARMLESS = (
    r"(?:.*[._-])?(?:examples?|samples?|templates?|tmpl|tpl|dist|defaults?|schema|skel|stub|j2|jinja2?|erb)"
    r"|(?:.*[._-])?(?:example|sample|template|dist)[._-].*"
    # keys of data, and objects that only refer to a secret or have it encrypted
    r"|(?:.*[._-])?(?:public|foreign|partition|sort|range|unique|composite|candidate|natural|surrogate|cache|hash"
    r"|translation|answer|idempotency)[_-]key\.json|(?:.*[._-])?(?:external|sealed)[_-]secrets?\.(?:ya?ml|json)"
    r"|.*\.(?:[cm]?[jt]sx?|py|pyi|rb|go|rs|java|kt|kts|scala|cs|php|c|h|cc|cpp|hpp|swift|lua|pl|ex|exs|vue|svelte|css|scss"
    r"|html?|md|mdx|rst|adoc|pub|crt|cer|csr|der)"
)
_NAMES = (
    # environment files
    rf"\.env(?:rc)?(?:[._-].+)?|.+\.env(?:rc|[._-]\w+)?|[\w-]*env\.{_STAGE}|\.?flaskenv|\.dev\.vars.*|dotenv",
    # keys and key stores
    r"\.?(?:id|ssh|github|gitlab|bitbucket|deploy|host)[_-](?:rsa|dsa|ecdsa|ed25519)(?:[_-]sk)?(?:[._-].*)?|ssh_host_\w+_key",
    r"[\w.-]*[_-](?:rsa|dsa|ecdsa|ed25519)|(?:ssh|deploy|private)[_-]?key(?:\.txt)?|.+\.key\.(?:enc|txt)",
    r".+\.(?:pem|key|p8|p12|pfx|pkcs12|pvk|jks|jceks|bks|keystore|truststore|kdbx?|ppk|asc|gpg|pgp|ovpn|agekey|keytab)",
    r".+\.(?:kwallet|psafe3|keychain(?:-db)?|rdg|tblk|snk|secret|priv|privkey)|secring\.\w+|(?:age[._-]?)?keys?\.txt|wg\d+\.conf",
    # credentials of tools
    r"\.?credentials?(?:\.(?:json|ya?ml|toml|ini|xml|db|csv|txt|enc|tfrc\.json|ya?ml\.enc))?|.+[._-]credentials?\.(?:json|csv|ini|txt)",
    r"[._](?:npm|yarn|pypi|net|s3|pg|terraform|msmtp|fetchmail|mutt|gem|cargo)rc(?:\.ya?ml)?|\.pgpass|pgpass\.conf|\.my(?:login)?\.cnf",
    r"\.s3cfg|\.boto|\.passwd(?:-s3fs)?|\.?htpasswd|\.git-credentials|\.gitcookies|\.cvspass|\.netrc[._-].+|\.databrickscfg",
    r"\.dockercfg|\.?dockerconfig(?:json|\.json)|(?:.*[._-])?kube-?config(?:[._-].+)?|\.vault-token|terraform\.rc|\.tugboat",
    r"(?:.*[._-])?(?:client|google|gcloud|gcp|oauth)[_-]secrets?.*\.json|.*service[_-]?account.*\.json|.*firebase-adminsdk.*\.json|gha-creds.*\.json",
    r".*[_-]key\.json|application_default_credentials\.json|settings-security\.xml|(?:sftp(?:-config)?|kaggle)\.json|\.ftpconfig",
    r"filezilla\.xml|(?:sitemanager|recentservers)\.xml|winscp\.ini|rclone\.conf|.*vault[._-]?pass(?:word)?(?:[._-].*)?",
    r".*\.tfstate(?:\..*)?|(?:.*\.)?tfvars(?:\.json)?|master\.key|\.kaggle\.json|\.snowsql|\.pip\.conf",
    # lists of secrets
    rf"\.?secrets?(?:[._-]{_STAGE})*(?:\.(?:ya?ml|json|toml|env|ini|xml|properties|txt|conf|cfg|enc))?",
    r".+[._-]secrets?\.(?:json|toml|env|ini|properties|txt|enc)|.+[._-]secrets\.ya?ml",
    r"\.?passwords?(?:\.(?:txt|csv|kdbx))?|\.?(?:api[_-]?)?(?:tokens?|keys?|auth|login|pass|passwd|pwd)\.txt|\.?(?:api|access|auth)?[_-]?token|\.(?:api[_-]?)?key|creds?(?:\.(?:json|ya?ml|txt|toml|ini))?|(?:api|access|secret|private)[_-]?keys?\.(?:json|ya?ml|toml|ini|csv)|passwd|userlist\.txt|recovery[_-]codes?.*",
    # histories of shells
    r"\.?(?:bash|zsh|sh|ksh|fish|python|psql|mysql|sqlite|rediscli|irb|pry|node_repl|mongo|dbshell|consolehost|r)_?(?:repl_)?history(?:\.txt)?",
    r"\.?zhistory|\.histfile|\.viminfo|\.lesshst|\.dbshell",
)
# In certain folders, other names too.
_PLACES = (
    r"\.kube/(?:[^/]*config[^/]*|cache/.+|[^/.]+)|\.docker/(?:config|daemon)\.json|\.oci/.+|\.bluemix/.+|\.gnupg/.+",
    r"\.aws/(?:credentials[^/]*|config|(?:sso|cli|amazonq)/.+)|\.config/gcloud/.+",
    r"gcloud/(?:(?:credentials|access_tokens)\.db|legacy_credentials/.+|configurations/config_[^/]+)",
    r"\.azure/(?:config|clouds\.config|[^/]*(?:token|context|msal|service_principal|profile)[^/]*\.(?:json|bin)(?:\.lockfile)?)",
    r"\.config/(?:hub|gh/hosts\.yml|glab-cli/.+|doctl/.+|configstore/.+|rclone/.+|op/.+|sops/age/.+|filezilla/.+|pip/pip\.conf)",
    r"containers/auth\.json|(?:\.m2|\.?maven|\.mvn)/settings(?:-security)?\.xml|\.gradle/gradle\.properties|\.bundle/config",
    r"\.(?:composer|config/composer)/auth\.json|\.nuget/nuget\.config|\.?pip/pip\.(?:conf|ini)|\.password-store/.+",
    r"\.ssh/(?:[^/]*key[^/]*|identity|config\.d/.+|[^/]*(?:rsa|dsa|ed25519)[^/]*)|\.terraform\.d/.+|\.dbt/profiles\.yml|\.snowsql/config",
    r"\.huggingface/token|config/credentials/.+|etc/g?shadow|ppp/(?:chap|pap)-secrets|run/secrets/.+|\.secrets?/.+|\.chef/.+",
    r"\.local/share/(?:keyrings|fish/fish_history).*|\.jupyter/.+\.json",
)
_TEMPLATE = r"(?i)(?:.*/)?templates/(?:.*/)?[^/]*secrets?\.ya?ml"  # of Helm
_NAME = "(?i)(?:" + "|".join(_NAMES) + ")"
_PLACE = "(?i)(?:.*/)?(?:" + "|".join(_PLACES) + ")|auth\\.json"
_COPY = r"(?i)(.+?)(?:\.(?:bak|old|orig|save|backup|swp|tmp|copy|disabled|\d{1,3})|~|[ _-]copy|\(\d\))"


def is_secret_path(path: str) -> bool:
    """Whether the file at this path, with forward slashes, counts as secret, whatever it contains."""
    data = path.encode("utf-8", "surrogateescape")
    copied = compiled(_COPY).fullmatch(data)
    if _is_secret(data) or (copied is not None and _is_secret(copied.group(1))):
        return True
    return mask_path(path) != path


def mask_path(path: str) -> str:
    """The path without the tokens in it, to show or to store."""
    is_suspect = "=" in path or next(token_spans(path.encode("utf-8", "surrogateescape")), None) is not None
    return mask(path) if is_suspect else path


def _is_secret(path: bytes) -> bool:
    name = path.rpartition(b"/")[2]
    if name.endswith(b".pub") or compiled(f"(?i){_HARMLESS}", captures=False).fullmatch(name):
        return False
    if compiled(_TEMPLATE, captures=False).fullmatch(path):
        return False
    return any(compiled(pattern, captures=False).fullmatch(text) for pattern, text in ((_NAME, name), (_PLACE, path)))
