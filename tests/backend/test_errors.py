"""The codes of the contract, and the errors of the packages that become one."""

import pytest

from backend.errors import CODES, ApiError, openai_error, translate
from indexer.errors import IndexStorage
from models.errors import ContextTooLarge, EngineFailed, UnknownModel


def test_the_codes_are_those_of_the_contract() -> None:
    assert {name: code.rpc for name, code in CODES.items() if name != "interrupted"} == {
        "parse": -32700,
        "invalid": -32600,
        "unknown_method": -32601,
        "bad_params": -32602,
        "internal": -32603,
        "cancelled": -32800,
        "unauthorized": -32000,
        "not_found": -32001,
        "queue_full": -32002,
        "model_unavailable": -32003,
        "context_too_large": -32004,
        "replay_gone": -32005,
        "index_unavailable": -32006,
        "engine_failed": -32007,
        "rate_limited": -32008,
        "storage_full": -32009,
    }
    http = {name: CODES[name].http for name in list(CODES)[6:16]}
    assert list(http.values()) == [401, 404, 429, 503, 413, 410, 503, 502, 429, 507]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnknownModel("x", []), "model_unavailable"),
        (ContextTooLarge(2, 1), "context_too_large"),
        (EngineFailed("x"), "engine_failed"),
        (IndexStorage("x"), "index_unavailable"),
        (OSError(28, "No space left on device"), "storage_full"),
    ],
)
def test_errors_of_the_packages_become_codes(error: Exception, code: str) -> None:
    refusal = translate(error)
    assert refusal is not None
    assert refusal.code.name == code


def test_a_defect_of_ours_is_not_translated() -> None:
    assert translate(KeyError("x")) is None


def test_a_message_is_one_line_in_every_face() -> None:
    error = ApiError("not_found", "no model a\x1b[2J\n\u202e\udcff")
    shown = "no model a\\x1b[2J\\n\\u202e\\udcff"
    faces = [error.rpc["message"], error.body["message"], openai_error(error)[1]["error"]["message"]]
    assert faces == [shown, shown, shown]
    assert ApiError.from_body(error.body).message == shown
