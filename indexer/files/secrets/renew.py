"""Takes the rules of gitleaks over: python -m indexer.files.secrets.renew path/to/gitleaks/config/gitleaks.toml

Writes `gitleaks.json`: names and expressions, without the tokens that gitleaks lists as harmless, which scanners of
this repository would report. The licence is in `gitleaks.LICENSE`. Run the tests of this folder afterwards.
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


def main(source: Path) -> None:
    rules = tomllib.loads(source.read_text("utf-8"))["rules"]
    kept = {rule["id"]: rule["regex"] for rule in rules if "regex" in rule and not LEFT_OUT.fullmatch(rule["id"])}
    Path(__file__).with_name("gitleaks.json").write_text(json.dumps(kept, indent=0) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
