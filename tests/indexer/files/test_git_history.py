"""What commits changed, read from a real repository."""

import re
import subprocess
from pathlib import Path

from indexer.files.git_history import Commit, changed_paths, commits, file_after, head
from indexer.files.secrets.masking import MARK
from tests.indexer.files.secrets.planted import TOKENS, Source
from tests.indexer.repository import CART, commit, git, shop


def _commits(root: Path) -> list[Commit]:
    return commits(root) or []


def test_commits_are_youngest_first_with_message_and_paths(tmp_path: Path) -> None:
    youngest, middle, oldest = _commits(shop(tmp_path / "shop"))
    assert youngest.message == "Fix discount counted twice\n\nThe cart was too cheap."
    assert youngest.paths == ("shop/cart.py", "tests/test_cart.py")
    assert middle.paths == ("shop/old0.py", "shop/old1.py", "shop/old2.py", "shop/old3.py")
    assert len(oldest.paths) == 8


def test_a_file_after_a_commit_and_the_lines_it_wrote(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    assert file_after(root, _commits(root)[0].sha, "shop/cart.py") == (CART, [range(5, 6)])


def test_paths_are_relative_to_a_folder_inside_the_repository(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop") / "shop"
    youngest = _commits(folder)[0]
    assert youngest.paths == ("cart.py",)
    assert file_after(folder, youngest.sha, "cart.py") == (CART, [range(5, 6)])


def test_the_head_is_the_youngest_commit(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    assert head(root) == _commits(root)[0].sha


def test_a_folder_without_a_repository_has_no_history(tmp_path: Path) -> None:
    assert commits(tmp_path) is None
    assert head(tmp_path) == ""


def test_control_characters_in_a_message_are_only_text(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    message = f"Fix total\n\n\x1f\x1f\x1e--output={victim}\x1fFix\x1fshop/cart.py"
    (root / "shop/cart.py").write_text(CART + "# more\n")
    identity = ("-c", "user.name=t", "-c", "user.email=t@t")
    subprocess.run(["git", *identity, "commit", "-qam", message], cwd=root, check=True)
    youngest = _commits(root)[0]
    assert re.fullmatch("[0-9a-f]{40}", youngest.sha)
    assert youngest.paths == ("shop/cart.py",)
    assert len(_commits(root)) == 4
    file_after(root, f"--output={victim}", "shop/cart.py")
    assert victim.read_text() == "precious"


def test_a_repository_s_own_settings_change_nothing(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    expected = commits(root)
    for setting, value in (("i18n.logOutputEncoding", "UTF-16"), ("log.showRoot", "false"), ("color.ui", "always")):
        git(root, "config", setting, value)
    assert commits(root) == expected


def test_secrets_in_messages_and_paths_are_not_told(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    token = TOKENS["github"](Source(9))
    (root / f"{token}.txt").write_text("x\n")
    (root / "plain.txt").write_text("x\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", f"Use {token} again")
    youngest = _commits(root)[0]
    assert (youngest.message, youngest.paths) == (f"Use {MARK} again", ("plain.txt",))


def test_of_a_long_message_the_beginning_is_read(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    commit(root, "more " * 10_000, {"a.py": "x\n"})
    youngest = _commits(root)[0]
    assert (youngest.message, youngest.paths) == (("more " * 4000).strip(), ("a.py",))


def test_the_paths_of_commits_without_messages_are_those_of_all_commits_but_the_large(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    paths = [commit.paths for commit in _commits(root)]
    assert [len(each) for each in paths] == [2, 4, 8]
    assert changed_paths(root, 8) == paths
    assert changed_paths(root, 4) == [*paths[:2], ()]
    assert changed_paths(root, 1) == [(), (), ()]
    assert changed_paths(tmp_path, 8) is None
