"""Takes the rules of gitleaks over: python -m indexer.files.secrets.renew path/to/gitleaks/config/gitleaks.toml

Writes `gitleaks.json`: names and expressions, in which the first group that matches is the secret, without the tokens
that gitleaks lists as harmless, which scanners of this repository would report. The licence is in `gitleaks.LICENSE`.
Run the tests of this folder afterwards.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

# Rules without which nothing is missed: `assignments` and `blocks` do what these do, in linear time and for more
# syntaxes; identifiers and public keys are no secrets; `paths` knows the names of files. The one of Sourcegraph matches
# every commit. The one of Bedrock is a
# constant beginning; those of webhooks take the whole address.
LEFT_OUT = re.compile(
    r"generic-api-key|private-key|curl-auth-.*|kubernetes-secret-yaml|nuget-config-password|pkcs12-file|mapbox-api-token"
    r"|.*-client-id|.*-pub(?:lic)?(?:-api)?-key|sourcegraph-access-token|.*bedrock-api-key-short-lived|hashicorp-tf-password"
    r"|slack-webhook-url|hashicorp-tf-api-token|azure-ad-client-secret|maxmind-license-key|facebook-access-token|microsoft-teams-webhook"
)
_GROUP = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?P<\w+>|(?!\?))", re.DOTALL)


def main(source: Path) -> None:
    rules = tomllib.loads(source.read_text("utf-8"))["rules"]
    kept = [rule for rule in rules if "regex" in rule and not LEFT_OUT.fullmatch(rule["id"])]
    found = {rule["id"]: with_one_secret(rule["regex"], rule.get("secretGroup", 0)) for rule in kept}
    Path(__file__).with_name("gitleaks.json").write_text(json.dumps(found, indent=0) + "\n", "utf-8")


def with_one_secret(regex: str, secret: int) -> str:
    """The expression without the groups beside the secret: all but number `secret`, or those with a name if it is 0.

    Without any group, all that matches is the secret.
    """
    number = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal number
        if not match[0].startswith("("):  # an escaped character, or a class
            return match[0]
        number += 1
        return match[0] if number == secret or (not secret and match[0] == "(") else "(?:"

    return _GROUP.sub(replaced, regex)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
