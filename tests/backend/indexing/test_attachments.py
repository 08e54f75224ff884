"""Attachments of a question: files of the codebase, ranges and selections, unsaved text."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import ApiError
from backend.indexing.attachments import Attachment, attached_hits, drop_excluded


def test_a_file_is_read_inside_the_codebase_and_cut_into_pieces(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("\n".join(f"line {n}" for n in range(1, 451)))
    hits = attached_hits((Attachment("a.py"),), tmp_path)
    assert [(hit.start_line, hit.end_line) for hit in hits] == [(1, 200), (201, 400), (401, 450)]
    assert hits[1].text.startswith("line 201\n")
    assert hits[2].text.endswith("line 450")
    absolute = attached_hits((Attachment(str(tmp_path / "a.py"), (3, 4)),), tmp_path)
    assert [(hit.path, hit.text, hit.language) for hit in absolute] == [("a.py", "line 3\nline 4", "python")]


def test_unsaved_text_wins_over_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("saved")
    assert [hit.text for hit in attached_hits((Attachment("a.py", None, "unsaved"),), tmp_path)] == ["unsaved"]


def test_a_range_that_is_not_there_is_said() -> None:
    with pytest.raises(ApiError, match="has 1 line, none of them in 5-9"):
        attached_hits((Attachment("a.py", (5, 9), "one"),), None)


def test_a_selection_keeps_the_lines_it_was_taken_from() -> None:
    selection = Attachment("a.py", (10, 11), "ten\neleven")
    assert [(h.start_line, h.end_line, h.text) for h in attached_hits((selection,), None)] == [(10, 11, "ten\neleven")]


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "missing.py", ".", "link", ".env"])
def test_what_lies_outside_is_not_read(tmp_path: Path, path: str) -> None:
    root = tmp_path / "code"
    root.mkdir()
    (tmp_path / "secret").write_text("s")
    (root / ".env").write_text("PASSWORD=hunter2")
    (root / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ApiError) as refused:
        attached_hits((Attachment(path),), root)
    assert refused.value.code.name == "bad_params"


def refusal(root: Path, path: str) -> str:
    with pytest.raises(ApiError) as refused:
        attached_hits((Attachment(path),), root)
    assert refused.value.code.name == "bad_params"
    return str(refused.value)


def test_the_name_of_the_file_that_a_link_leads_to_counts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PASSWORD=hunter2")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "server.pem").write_text("x")
    (tmp_path / "a.py").write_text("a")
    for name, target in (("settings.py", ".env"), ("again.py", "settings.py"), ("link.py", "a.py"), ("key", "deploy")):
        (tmp_path / name).symlink_to(target)
    for path in ("settings.py", "again.py", "key/server.pem", "key/../deploy/server.pem"):
        assert "named like a file of secrets" in refusal(tmp_path, path)
    assert [hit.text for hit in attached_hits((Attachment("link.py"),), tmp_path)] == ["a"]


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "device.py").symlink_to("/dev/zero")
    (tmp_path / "link.py").symlink_to("pipe.py")
    (tmp_path / "circle.py").symlink_to("circle.py")
    assert refusal(tmp_path, "pipe.py") == "context 'pipe.py' cannot be read: it is no regular file"
    assert refusal(tmp_path, "link.py") == "context 'link.py' cannot be read: it is no regular file"
    assert "outside the codebase" in refusal(tmp_path, "device.py")
    assert "is no path of a file" in refusal(tmp_path, "a\0.py")
    assert refusal(tmp_path, "circle.py").startswith("context 'circle.py'")


def test_found_code_that_overlaps_an_excluded_place_is_dropped(tmp_path: Path) -> None:
    (attached,) = attached_hits((Attachment("a.py", (3, 4), "1\n2\n3\n4\n5\n"),), tmp_path)
    found = replace(attached, kind="function")

    def left(*places: Attachment) -> int:
        return len(drop_excluded([found], places, tmp_path))

    assert [left(Attachment("a.py", lines)) for lines in ((1, 2), (1, 3), (4, 9), (5, 6))] == [1, 0, 0, 1]
    assert (left(Attachment("a.py")), left(Attachment(str(tmp_path / "a.py"))), left(Attachment("b.py"))) == (0, 0, 1)
    assert left(Attachment("b.py"), Attachment("a.py", (4, 4))) == 0
    assert drop_excluded([attached], (Attachment("a.py"),), tmp_path) == [attached]


@pytest.mark.parametrize("spelling", ["./a.py", "sub/../a.py", "{link}/a.py", "{link}/sub/../a.py"])
def test_an_excluded_place_is_found_however_it_is_spelled(tmp_path: Path, spelling: str) -> None:
    root, link = tmp_path / "code", tmp_path / "link"
    (root / "sub").mkdir(parents=True)
    (root / "a.py").write_text("1\n2\n")
    link.symlink_to(root)
    (attached,) = attached_hits((Attachment("a.py"),), root)
    assert drop_excluded([replace(attached, kind="function")], (Attachment(spelling.format(link=link)),), root) == []
