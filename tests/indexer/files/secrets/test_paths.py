"""Files are secret by name, by folder, or because their path contains a token."""

import pytest

from indexer.files.secrets.masking import MARK
from indexer.files.secrets.paths import is_secret_path, mask_path
from tests.indexer.files.secrets.planted import TOKENS, Source

SECRET = """
    .env prod.env .envrc env.production .env.local .env.production.local config/app.env .env-prod .env_prod .env.sh
    docker/web.env.staging production.env.bak .env.bak .kube/config home/u/.kube/config kubeconfig kubeconfig.yaml
    prod.kubeconfig kubeconfig-prod kube-config.yml .docker/config.json .dockercfg .dockerconfigjson .npmrc
    .yarnrc.yml .pypirc .pip/pip.conf .m2/settings.xml .config/gcloud/application_default_credentials.json
    service-account.json gcp-service-account-prod.json .aws/credentials terraform.tfstate terraform.tfstate.backup
    prod.tfvars prod.auto.tfvars.json terraform.tfvars .pgpass .my.cnf .s3cfg config/master.key id_rsa id_rsa.old
    id_ed25519 id_ed25519_work id_ecdsa_sk deploy_rsa AuthKey_123.p8 client.ovpn vault_pass.txt .vault_pass
    .vault-password ansible/vault-password.txt .bash_history .zsh_history .psql_history .mysql_history
    .python_history .git-credentials .netrc _netrc .htpasswd server.key cert.pem a.p12 a.jks secrets.yml
    secrets.json secret.yaml .secrets secrets/prod.env client_secret_123.json client_secrets.json credentials.json
    credentials .credentials.json config/credentials.yml.enc .vault-token auth.json .composer/auth.json kaggle.json
    .kaggle/kaggle.json ssh_host_rsa_key .ssh/deploy_key .ssh/id_foo_rsa .node_repl_history recovery-codes.txt
    passwords.txt passwords.csv local.env env.local env.staging .dev.vars firebase-adminsdk-x.json
    my-app-firebase-adminsdk-ab12.json gha-creds-1.json oauth-client-secret.json .azure/accessTokens.json
    .terraformrc .boto keys.txt .flaskenv .fetchmailrc .password-store/a.gpg wg0.conf .git-credentials~ .env~ .ENV
    ID_RSA .env.1 .aws/config .aws/credentials.bak .aws/sso/cache/0a1b.json .azure/msal_token_cache.json
    .azure/azureProfile.json .azure/service_principal_entries.bin .config/gcloud/credentials.db .kube/prod
    .config/gcloud/configurations/config_work AppData/gcloud/legacy_credentials/a/adc.json .kube/cache/x/y.json
    gcloud/access_tokens.db service_key.json gcp-key.json api_key.json db-secrets.yaml k8s/app-secrets.yml
    .kube/config.yaml
"""
HARMLESS = """
    .env.example .env.sample .env.template .env.dist env.example example.env sample.env .env.example.local
    vite-env.d.ts config.env.ts environment.ts environment.prod.ts id_rsa.pub .ssh/id_ed25519.pub .ssh/known_hosts
    .ssh/config tokens.json design-tokens.json locales/en/auth.json auth.json.md keyboard.py key.py secrets.py
    secret_manager.go credentials.py settings.xml app/settings.xml package.json keys.ts token.py tests/test_env.py
    kubeconfig.go docker/config.json config.json .docker/Dockerfile src/env.rs environment.yml env.py variables.tf
    main.tf history.py docs/history.md CHANGELOG.md password_reset.html passwords.py README.md public.crt
    terraform.tf docker-compose.yml .github/workflows/env.yml .gitconfig .editorconfig tsconfig.json secrets.md
    src/secrets/mod.rs indexer/files/secrets/masking.py indexer/files/secrets/gitleaks.json vault.go
    vault_password.py .aws-sam/x.py keymap.json api_key.py api-keys.md helm/templates/secret.yaml.tpl
    scripts/gcloud/deploy.sh infra/gcloud/main.tf deploy/gcloud/Dockerfile .azure/pipelines.yml .aws/buildspec.yml
    .azure/dev/main.bicep .kube/deployment.yaml i18n/public_key.json db/foreign-key.json
    charts/x/templates/external-secrets.yaml k8s/external-secret.yaml k8s/sealed-secrets.yaml
    charts/x/templates/secret.yaml charts/x/templates/db/app-secrets.yml
"""


@pytest.mark.parametrize("path", SECRET.split())
def test_secret(path: str) -> None:
    assert is_secret_path(path)


@pytest.mark.parametrize("path", HARMLESS.split())
def test_not_secret(path: str) -> None:
    assert not is_secret_path(path)


@pytest.mark.parametrize("kind", ["github", "aws key", "stripe", "slack bot", "npm"])
def test_a_path_with_a_token_is_secret_and_never_shown(kind: str) -> None:
    token = TOKENS[kind](Source(6))
    for path in (f"notes/{token}.txt", f"{token}/a.py", f"backup-{token}-old.md", f"key_{token}.py"):
        assert is_secret_path(path)
        assert token not in mask_path(path)
        assert MARK in mask_path(path)
