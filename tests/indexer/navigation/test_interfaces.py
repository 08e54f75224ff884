"""Which types of Go implement an interface: by their method sets, own and embedded."""

from pathlib import Path

import pytest

from indexer.navigation.doubts import Doubt
from indexer.navigation.interfaces import signature_of
from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask

pytestmark = pytest.mark.process

KEEP = """\
package keep

import "fmt"

type Box struct{}

// Keeper keeps boxes.
type Keeper interface {
	Put(number int, box *Box) error
	fmt.Stringer
}

type Disk struct{ path string }

func (d *Disk) Put(n int, b *Box) error { return nil }
func (d *Disk) String() string          { return d.path }

type Memory map[int]Box

func (m Memory) Put(number int, box *Box) (err error) { return nil }
func (m Memory) String() string                       { return "" }

type Half struct{}

func (h Half) Put(n int, b *Box) error { return nil }

type Other struct{}

func (o Other) Put(n string, b *Box) error { return nil }
func (o Other) String() string             { return "" }

type Cached struct {
	*Disk
	seen map[int]bool
}

type Named struct {
	Half
	name string
}

func (n Named) String() string { return n.name }

type Wrapped struct {
	Keeper
}
"""
REMOTE = """\
package remote

import "example.org/depot/keep"

type Box struct{}

type Far struct{}

func (f *Far) Put(n int, b *keep.Box) error { return nil }
func (f *Far) String() string               { return "" }

type Wrong struct{}

func (w *Wrong) Put(n int, b *Box) error { return nil }
func (w *Wrong) String() string          { return "" }

type Twice struct {
	keep.Disk
}
"""
TREE = {"go.mod": "module example.org/depot\n", "keep/keep.go": KEEP, "remote/remote.go": REMOTE}


def implementing(folder: Path, question: str, tree: dict[str, str]) -> tuple[list[str], set[Doubt]]:
    world = World(folder, tree)
    world.refresh()
    found = ask(world.store, question)
    assert found is not None
    doubts = {doubt for group in found.groups for doubt in group.doubts}
    return [f"{item.path}:{item.line} {item.symbol}" for item in found.locations], doubts


def test_types_implement_by_their_method_sets(tmp_path: Path) -> None:
    found, doubts = implementing(tmp_path, "what implements Keeper?", TREE)
    assert found == [
        "keep/keep.go:13 Disk",
        "keep/keep.go:18 Memory",
        "keep/keep.go:32 Cached",
        "keep/keep.go:37 Named",
        "keep/keep.go:45 Wrapped",
        "remote/remote.go:7 Far",
        "remote/remote.go:17 Twice",
    ]
    assert doubts == {Doubt("types")}  # `Wrong` has a Box of its own, or one that is imported under another name


def test_hidden_methods_are_implemented_in_their_package_only(tmp_path: Path) -> None:
    method = "type Lock struct{}\n\nfunc (l Lock) close() {}\n"
    tree = {
        "a/a.go": f"package a\n\ntype closer interface {{\n\tclose()\n}}\n\n{method}",
        "b/b.go": f"package b\n\n{method}",
    }
    assert implementing(tmp_path, "what implements `closer`?", tree) == (["a/a.go:7 Lock"], set())


def test_an_interface_that_embeds_what_is_not_known_has_no_known_methods(tmp_path: Path) -> None:
    tree = {
        "a/a.go": (
            'package a\n\nimport "far/away"\n\ntype Both interface {\n\taway.Far\n\tClose() error\n}\n\n'
            "type File struct{}\n\nfunc (f File) Close() error { return nil }\n\ntype In struct {\n\tBoth\n}\n"
        )
    }
    assert implementing(tmp_path, "what implements Both?", tree) == (["a/a.go:15 In"], {Doubt("types")})


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("func (d *Disk) Put(a, b int, c ...string) error", "(int, int, ...string) (error)"),
        ("Put(int, int, ...string) (err error)", "(int, int, ...string) (error)"),
        ("Close()", "() ()"),
        ("Get(key []byte) (*Item, bool)", "([ ] uint8) (* kit.Item, bool)"),
        (
            "Walk(fn func(name string) error, m map[string]io.Reader)",
            "(func(string) (error), map [ string ] io.Reader) ()",
        ),
        ("Any(v interface{}) any", "(any) (any)"),
        ("Cut(a int, b", "?"),
    ],
)
def test_a_signature_has_types_without_names(head: str, expected: str) -> None:
    assert signature_of(head, "kit") == expected


KEEPER = (
    "package keep\n\ntype Keeper interface {\n\tPut(n int)\n}\n\ntype Disk struct{}\n\nfunc (d Disk) Put(n int) {}\n"
)


def test_a_package_may_be_imported_under_another_name(tmp_path: Path) -> None:
    far = 'package far\n\nimport k "example.org/depot/keep"\n\ntype Twice struct {\n\tk.Disk\n}\n'
    tree = {"go.mod": "module example.org/depot\n", "keep/keep.go": KEEPER, "far/far.go": far}
    expected = ["far/far.go:5 Twice", "keep/keep.go:7 Disk"]
    assert implementing(tmp_path, "what implements Keeper?", tree) == (expected, set())


@pytest.mark.parametrize(
    ("more", "doubts"),
    [
        ("type ID = int\n\ntype Box struct{}\n\nfunc (b Box) Put(n ID) {}\n", {Doubt("types")}),
        ("type ID int\n\ntype Box struct{}\n\nfunc (b Box) Put(n ID) {}\n", set()),
    ],
)
def test_a_type_may_have_two_names(tmp_path: Path, more: str, doubts: set[Doubt]) -> None:
    tree = {"go.mod": "module example.org/depot\n", "keep/keep.go": KEEPER, "keep/box.go": f"package keep\n\n{more}"}
    assert implementing(tmp_path, "what implements Keeper?", tree) == (["keep/keep.go:7 Disk"], doubts)


def test_an_interface_with_type_parameters_may_have_more(tmp_path: Path) -> None:
    text = (
        "package a\n\ntype Keeper[T any] interface {\n\tPut(x T)\n\tClose()\n}\n\n"
        "type Same[T any] struct{}\n\nfunc (s Same[T]) Put(x T) {}\nfunc (s Same[T]) Close() {}\n"
    )
    assert implementing(tmp_path, "what implements Keeper?", {"a/a.go": text}) == (["a/a.go:8 Same"], {Doubt("types")})


def test_types_that_embed_many_others_may_be_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.navigation.interfaces._EMBEDDED", 2)
    wraps = "".join(f"\ntype W{n} struct {{\n\tDisk\n}}\n\ntype V{n} struct {{\n\tW{n}\n}}\n" for n in range(2))
    found, doubts = implementing(tmp_path, "what implements Keeper?", {"keep/keep.go": KEEPER + wraps})
    assert (len(found), doubts) == (3, {Doubt("types")})
