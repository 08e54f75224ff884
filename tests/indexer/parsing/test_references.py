"""References of every language with reference queries: names, kinds, lines, qualifiers, enclosing definitions."""

import pytest

from indexer.parsing.reference_queries import IMPORTS, USES
from indexer.parsing.references import Reference, references, references_to
from indexer.parsing.usage.parsed import parsed
from tests.indexer.parsing.reference_samples import EXPECTED, Row


def row(ref: Reference) -> Row:
    return ref.line, ref.kind, ref.qualifier, ref.name + (f" = {ref.alias}" if ref.alias else ""), ref.enclosing


@pytest.mark.parametrize("language", EXPECTED)
def test_references_of_a_language(language: str) -> None:
    text, expected = EXPECTED[language]
    assert sorted(map(row, references(text, language))) == sorted(expected)


def test_every_grammar_with_reference_queries_is_tested() -> None:
    assert set(IMPORTS) == set(USES) == {*EXPECTED, "tsx"}


MENTIONS = '''
from shop import price as cost, tax

def price(item):
    """price of an item"""
    return cost(item)  # price

class Till:
    price = 3

    def total(self, items: "price") -> int:
        return sum(map(price, items)) + self.price
'''


def test_mentions_of_a_name_and_its_alias_but_not_definitions_comments_or_strings() -> None:
    assert [row(ref) for ref in references_to(MENTIONS, "python", "price") or ()] == [
        (2, "import", "shop", "price = cost", ""),
        (2, "import", "shop", "tax", ""),
        (6, "call", "", "cost", "price"),
        (12, "use", "", "price", "Till.total"),
        (12, "use", "self", "price", "Till.total"),
    ]


@pytest.mark.parametrize("language", EXPECTED)
def test_references_to_a_name_are_among_all_references_of_the_file(language: str) -> None:
    text = EXPECTED[language][0]
    everything = references(text, language)
    for name in {ref.name for ref in everything if ref.kind != "import"}:
        expected = {
            (ref.line, ref.kind, ref.qualifier, ref.enclosing)
            for ref in everything
            if ref.name == name and ref.kind != "import"
        }
        found = references_to(text, language, name) or ()
        assert expected <= {(ref.line, ref.kind, ref.qualifier, ref.enclosing) for ref in found}
        assert {ref.kind for ref in found if ref.name != name} <= {"import"}


def test_a_constant_in_a_pattern_of_rust_is_no_variable() -> None:
    text = "fn g(x: u8) {\n    match x {\n        LIMIT => 1,\n        Some(LIMIT) => 2,\n    }\n}\n"
    assert [ref.line for ref in references_to(text, "rust", "LIMIT") or ()] == [3, 4]


def test_a_class_of_ruby_without_a_body() -> None:
    found = references_to("A = Class.new(N::Base) do\nend\nB = Struct.new(Base)\n", "ruby", "Base") or ()
    assert [(ref.line, ref.kind, ref.qualifier) for ref in found] == [(1, "inherit", "N"), (3, "use", "")]


def test_many_mentions_in_one_file() -> None:
    text = "def f():\n    return 1\n\n" + "".join(f"def g{n}():\n    return f()\n" for n in range(100))
    found = references_to(text, "python", "f") or ()
    assert [(ref.line, ref.enclosing) for ref in found] == [(5 + 2 * n, f"g{n}") for n in range(100)]


@pytest.mark.parametrize("text", ["", "def", "class (:\n@@@", "f(" * 3000, "\x00f()", "f(é)\n"])
@pytest.mark.parametrize("language", EXPECTED)
def test_broken_text_raises_nothing(language: str, text: str) -> None:
    assert all(ref.line >= 1 for ref in references(text, language))
    assert all(ref.line >= 1 for ref in references_to(text, language, "f") or ())


def test_without_a_grammar_or_time_there_are_no_references() -> None:
    assert references("price(1)", "sql") == ()
    assert references_to("price(1)", "sql", "price") is None
    assert references_to("price(1)\n" * 100_000, "python", "price", seconds=0.0) is None


# Every reference to `f` in a piece of code: line, kind, qualifier, enclosing.
SAYS: list[tuple[str, str, list[tuple[int, str, str, str]]]] = [
    (
        "php",
        "<?php\nusort($x, 'f'); echo 'f';\nh(f(...), $this->f(...), [$this, 'f']);\n",
        [(2, "use", "", ""), (3, "use", "", ""), (3, "use", "$this", "")],
    ),
    (
        "rust",
        'fn g() {\n    format!("{}", a::f(1));\n    vec![f::<u8>(1), x.f(2)];\n    outer!(f!(1));\n}\n',
        [(2, "call", "a", "g"), (3, "call", "", "g"), (3, "call", "x", "g"), (4, "call", "", "g")],
    ),
    (
        "javascript",
        "module.exports = f;\nexports = module.exports = f;\nexport default f;\nh(f);\n",
        [(4, "use", "", "")],
    ),
    ("rust", 'fn g() {\n    assert!((f, (1, 2)) == x, "f(1)");\n}\n', [(2, "use", "", "g")]),
    ("rust", "lazy! {\n    fn f(x: u8) {}\n    mod f;\n}\nfn g(f: u8) { print!(f(1)) }\n", [(3, "import", "", "")]),
    ("rust", "macro_rules! m {\n    ($x:expr) => { f($x) };\n}\n", [(2, "call", "", "m")]),
    ("rust", "fn g() {\n    x.map(a::f);\n}\n", [(2, "use", "a", "g")]),
    ("cpp", "void g() {\n  each(x, n::f);\n  bind(&T::f);\n}\n", [(2, "use", "n", "g"), (3, "use", "T", "g")]),
    (
        "csharp",
        "class A {\n  void G() { b.Click += this.f; Run(f); }\n}\n",
        [(2, "use", "", "A.G"), (2, "use", "this", "A.G")],
    ),
    (
        "java",
        "class A {\n  Runnable r = M::f;\n  void g() { run(this::f); }\n}\n",
        [(2, "use", "M", "A"), (3, "use", "this", "A.g")],
    ),
    ("kotlin", "fun g() {\n  x.map(::f)\n  y.map(M::f)\n}\n", [(2, "use", "", "g"), (3, "use", "M", "g")]),
    ("python", "def g():\n    signal.connect(self.f)\n    map(f, x)\n", [(2, "use", "self", "g"), (3, "use", "", "g")]),
    ("go", "package p\nfunc g() {\n\tx.Do(f)\n\ty.Do(s.f)\n}\n", [(3, "use", "", "g"), (4, "use", "s", "g")]),
    (
        "csharp",
        "class A(int x) : N.f(x), I {}\nrecord B(int Y) : f(Y);\n",
        [(1, "inherit", "N", "A"), (2, "inherit", "", "B")],
    ),
    (
        "csharp",
        "struct A : N.M.f<int> {}\nclass B : global::f {}\n",
        [(1, "inherit", "N.M", "A"), (2, "inherit", "global", "B")],
    ),
    ("kotlin", "class A(f: Int) : n.f(f)\nclass B : f by c\n", [(1, "inherit", "n", "A"), (2, "inherit", "", "B")]),
    (
        "java",
        "class A {\n  Object o = new f() {\n    void run() {}\n  };\n}\n",
        [(2, "call", "", "A"), (2, "inherit", "", "A")],
    ),
    ("typescript", "class A extends (f as any) { g() {} }\n", [(1, "inherit", "", "A")]),
    (
        "python",
        "class A(B):\n    def g(self):\n        super().f()\n        super(A, self).f()\n",
        [(3, "call", "super", "A.g"), (4, "call", "super", "A.g")],
    ),
    (
        "ruby",
        'def g\n  "#{f}"\n  puts f if f\n  x = f\n  h(:f)\n  y.map(method(:f))\nend\n',
        [(2, "call", "", "g"), (3, "call", "", "g"), (4, "call", "", "g"), (6, "use", "", "g")],
    ),
    (
        "ruby",
        "class A\n  before :f\n  private :f\n  alias g f\n  def h\n    f && self.f(1)\n  end\n  undef f\nend\n",
        [(2, "use", "", "A"), (6, "call", "self", "A.h")],
    ),
    ("ruby", "describe A do\n  let(:f) { 1 }\n  it { f }\nend\n", []),
    ("erb", "<p><%= f %></p>\n<%# f %>\n<% f.each do |x| %><% end %> f\n", [(1, "call", "", ""), (3, "call", "", "")]),
    (
        "vue",
        "<template>\n<p>{{ f(1) }}</p>\n</template>\n<script>\nconst a = () => f()\n</script>\n",
        [(2, "call", "", ""), (5, "call", "", "a")],
    ),
]


@pytest.mark.parametrize(("language", "text", "expected"), SAYS)
def test_references_to_one_name(language: str, text: str, expected: list[tuple[int, str, str, str]]) -> None:
    found = references_to(text, language, "f") or ()
    assert [(ref.line, ref.kind, ref.qualifier, ref.enclosing) for ref in found if ref.name == "f"] == expected


def test_imports_of_other_forms() -> None:
    assert imports_in('const {default: a, b} = await import("./x");\nimport("./y");', "typescript") == [
        (1, "./x", "b", False),
        (1, "./x", "default = a", False),
        (1, ".", "x", False),
        (2, ".", "y", False),
    ]
    assert imports_in('import a, {b} from "./x";\nconst c = require("./y");', "javascript") == [
        (1, "./x", "a", True),
        (1, "./x", "b", False),
        (2, "./y", "c", True),
    ]
    assert imports_in("import static a.B.*;\nimport c.D;\n", "java") == [(1, "a.B", "*", False), (2, "c", "D", False)]
    assert imports_in('autoload :A, "b/c"\nload "d.rb"\n', "ruby") == [(1, "b", "c", False), (2, "", "d.rb", False)]
    included = '<?php\nrequire_once __DIR__ . "/a/b.php";\ninclude \'c.php\';\nrequire("d.php");\ninclude "$e.php";\n'
    assert imports_in(included, "php") == [(2, "/a", "b.php", False), (3, "", "c.php", False), (4, "", "d.php", False)]


def imports_in(text: str, language: str) -> list[tuple[int, str, str, bool]]:
    return [
        (ref.line, ref.qualifier, row(ref)[3], ref.is_default)
        for ref in references(text, language)
        if ref.kind == "import"
    ]


def test_an_import_that_brings_it_under_another_name() -> None:
    text = 'import g, { h } from "./f";\n\nexport const a = () => g() + h() + f();\n'
    found = references_to(text, "javascript", "", brings=lambda ref: ref.is_default) or ()
    assert [(ref.line, ref.kind, ref.name) for ref in found if ref.kind != "import"] == [(3, "call", "g")]


FIELDS = [
    ("rust", "fn g() {\n    x = self.f;\n    f::h();\n    S { f: 1 };\n}\n", [2, 3]),
    ("php", "<?php\n$this->f = 1;\n", [2]),
    ("java", "class A {\n  int x = f;\n  int y = this.f;\n}\n", [2, 3]),
    ("kotlin", "fun g() {\n  val x = a.f\n  h(::f)\n}\n", [2]),
    ("c", "void g(void) {\n  p->f = q.f;\n  run(f);\n}\n", [2]),
    ("python", "def g():\n    return self.f\n", []),
    ("bash", "echo f\ntrap f EXIT\nretry 3 f\ncd f\n", [1, 4]),
    ("javascript", "const x = { f: 1 }\n", []),
    ("javascript", "f.prototype.g = 1;\nh(f.bind(x));\n", [1]),
    ("go", "package p\n\nfunc g() {\n\tf.h()\n\th(f)\n}\n", [4]),
]


@pytest.mark.parametrize(("language", "text", "lines"), FIELDS)
def test_uses_that_can_be_no_function(language: str, text: str, lines: list[int]) -> None:
    assert sorted({ref.line for ref in references_to(text, language, "f") or () if ref.is_field}) == lines


def test_reading_many_mentions_ends_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "fee(1)\n" * 200
    assert len(references_to(text, "python", "fee", 10.0) or ()) == 200
    times = iter([0.0, *[2.0] * 1000])
    codes = list(parsed(text, "python", USES, 10.0))
    monkeypatch.setattr("indexer.parsing.references.parsed", lambda *_: codes)
    monkeypatch.setattr("indexer.parsing.references.time.thread_time", lambda: next(times))
    assert references_to(text, "python", "fee", 1.0) is None
