"""The settings, from the environment or a `.env` file. No other module reads the environment.

A `.env` is read only beside Lantern itself and in `~/.lantern`, never in the current folder: that is often a
repository that the user did not write.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

VERSION = version("lantern")
HOME = Path.home() / ".lantern"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class BadSetting(Exception):
    """A setting has an invalid value; the message names its variable."""


class Settings(BaseSettings):
    """Every setting with its default; `.env.example` explains each in a line."""

    model_config = SettingsConfigDict(
        env_file=(Path(__file__).parent.parent / ".env", HOME / ".env"),
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    model_name: str = ""  # "": `Registry.default`
    engine_url: str = ""  # of an OpenAI-compatible server
    engine_api_key: SecretStr = SecretStr("")
    engine_model: str = ""  # "": the first in the list of that server
    embedding_model: str = "all-MiniLM-L6-v2"
    data_dir: Path = HOME
    models_dir: Path = Field(default_factory=lambda data: data["data_dir"] / "models", validate_default=True)
    database_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    allow_remote: bool = False
    allowed_origins: str = ""  # separated by commas
    n_threads: int = Field(0, ge=0)
    n_gpu_layers: int | None = Field(None, ge=-1)
    context_length: int = Field(0, ge=0)  # tokens; 0: the catalogue's
    max_tokens: int = Field(0, ge=0)  # 0: the catalogue's
    kv_type: Literal["f16", "q8_0"] = "f16"  # number format of the KV cache
    kv_ram_mb: int = Field(2048, ge=0)  # for snapshots of conversations that were evicted from it
    kv_disk_mb: int = Field(4096, ge=0)
    snippets: int = Field(8, ge=1, le=50)  # pieces of code in a prompt; with `evidence_tokens` up to 3 times as many
    lead: bool = True  # answers begin with a part that needs no model
    evidence_tokens: int = Field(1000, ge=0)  # of code in one prompt; 0: SNIPPETS pieces of any length
    first_token_s: float = Field(10, ge=0, allow_inf_nan=False)  # time to first token that is promised; 0: no promise
    queue_limit: int = Field(16, ge=1)  # turns waiting or running
    grace_ms: int = Field(30_000, ge=0)
    turn_s: float = Field(1800, ge=0, allow_inf_nan=False)  # time limit of a question; 0: none
    watch: bool = True  # keep every codebase that is indexed or opened up to date
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("data_dir", "models_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("host")
    @classmethod
    def _bare_host(cls, host: str) -> str:
        return host.strip("[]").lower()

    @field_validator("engine_url")
    @classmethod
    def _http_address(cls, url: str) -> str:
        if url and not _is_http_address(url):
            raise ValueError("give http://HOST:PORT or https://...; put a key into ENGINE_API_KEY")
        return url

    @property
    def sqlalchemy_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'lantern.db'}"

    @property
    def token_file(self) -> Path:
        return self.data_dir / "token"

    @property
    def user_catalogue(self) -> Path:
        return self.data_dir / "catalog.toml"

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(origin.strip().rstrip("/") for origin in self.allowed_origins.split(",") if origin.strip())


class _Desktop(BaseSettings):
    """Variables that are not Lantern's own."""

    visual: str = ""
    editor: str = ""


def editor_of_user() -> str:
    """The command of the user's editor; empty if none is set."""
    desktop = _Desktop()
    return desktop.visual.strip() or desktop.editor.strip()


def load_settings(**overrides: object) -> Settings:
    """The settings; `overrides` that are not None win over the environment. Raises `BadSetting`."""
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
            if e["type"] != "default_factory_not_called"  # of a setting that follows from another, malformed one
        )
        raise BadSetting(f"{problems} (environment or .env; see .env.example)") from None
    if settings.host not in LOOPBACK and not settings.allow_remote:
        raise BadSetting(
            f"HOST: {settings.host} is reachable from other machines; "
            "set ALLOW_REMOTE=1 (or --allow-remote) if that is what you want"
        )
    return settings


def _is_http_address(url: str) -> bool:
    """Whether it is an absolute address of a server, without a user or a password."""
    try:
        parsed = urlsplit(url)
        _ = parsed.port
    except ValueError:  # half an IPv6 address, or a port that is none
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.hostname) and "@" not in parsed.netloc
