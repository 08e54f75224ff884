"""A folder as the value of a header."""

import os
from pathlib import Path

import pytest

from backend.mcp.workspace import decode_workspace, encode_workspace


@pytest.mark.parametrize("folder", ["/a b/ü", "/a\nb%20", os.fsdecode(b"/lone\xff")])
def test_a_folder_comes_back(folder: str) -> None:
    value = encode_workspace(Path(folder))
    assert value.isascii()
    assert value.isprintable()
    assert decode_workspace(value) == Path(folder)


@pytest.mark.parametrize("value", [None, "", "relative", "/", str(Path.home()), "/a%00b"])
def test_some_folders_say_nothing(value: str | None) -> None:
    assert decode_workspace(value) is None
