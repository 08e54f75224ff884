"""A name that a function or block binds itself does not refer to the same name outside."""

import pytest

from indexer.parsing.references import references_to

# Lines that end in ! refer to the outer `load`.
PYTHON = """
def by_parameter(load): return load()
def by_more(first, *load): return load()
def by_annotated(load: int, last: int = 1): return load
def by_default(load=load):  # !
    return load()
def by_assignment():
    load = 3
    return load
def by_annotation():
    load: int
    load += 1
def by_unpacking(pair):
    first, (*load, last) = pair
    return load
def by_loop(loads):
    for load in loads:
        load()
def by_with(file):
    with file as load, file as (first, last):
        load()
def by_error():
    try:
        pass
    except OSError as load:
        return load
def by_walrus(x):
    return load if (load := x) else None
def by_match(x):
    match x:
        case load:
            return load
def by_comprehension(loads):
    first = [load() for load in loads]
    return [load(x) for x in first]  # !
def by_an_outer_one(load):
    def inner():
        return load()
    return inner
calls = lambda load: load()
runs = lambda load=load: load()  # !
class Till:
    load = 3
    def total(self):
        return load()  # !
    def own(self, load):
        return self.load()  # !
def that_says_so(loads):
    global load
    load = load()  # !
def that_imports_it(load=None):
    from shop import load
    return load()  # !
def that_falls_back():
    try:
        from shop import load
    except ImportError:
        load = None
    return load()  # !
def that_defines_it(fast):
    if fast:
        load = None
    else:
        def load(): return 1
    return load()  # !
def that_passes_it():
    call(load=3)
    call(load=load)  # !
    return "load"
load()  # !
"""
JAVASCRIPT = """
function byParameter(load) { return load() }
other.load = function load(a) {
  var load = a
  return load
}
function byDefault(a, load = 1) { return load() }
const byArrow = load => load()
const byField = ({load, other: {a}}) => load()
const byRenamed = ({from: load = 1}, ...rest) => load()
const byItem = ([a, load]) => new load()
const byRest = (...load) => load
function byVariable(f) {
  const load = f()
  return () => load()
}
function byBlock(f) {
  if (f) {
    let load = f
    load()
  }
  load() // !
}
function byLoop(loads) {
  for (const load of loads) load()
  for (let load = 0; load < 1;) load()
  load() // !
}
function byError() {
  try { load() } // !
  catch (load) { load() }
}
class Till {
  open(load) { return load() + this.total }
  shut(f) { return load() } // !
}
function thatSetsIt(f) {
  load = f
}
function thatRequiresIt() {
  const { load } = require("./load")
  return load() // !
}
function thatDefinesIt() {
  const load = () => 1
  return load() // !
}
const passed = { load: 1, all: [load] } // !
load() // !
"""
TYPESCRIPT = """
function byParameter(load: Load, last?: Load): Load { return load() }
function byOptional(load?: Load) { return load() }
class Till {
  constructor(private load: Load) { load() }
}
interface Shape { (load: Load): void; area(load: Load): void; new (load: Load): Shape }
function byType() {
  const f: (load: Load) => void = g
  load() // !
}
declare function outside(load: Load): void
"""
TSX = """
const Box = ({load}) => <load.Box a={load} />
const Page = () => <Box a={load} /> // !
"""
GO = """
package p
func byParameter(load func() int) int { return load() }
func byMore(n int, load ...int) { use(load) }
func (load *Till) byReceiver() { load.run() }
func byLiteral() { f := func(load int) int { return load }; f(load()) } // !
func byType(f func(load int) int) { load() } // !
func byVariable() {
	load, err := load(1) // !
	use(load, err)
	var other = func() int { return load }
}
func byVar() {
	load() // !
	var load int
	use(load)
}
func byRange() {
	for _, load := range load() { // !
		use(load)
	}
	load() // !
}
func byIf() {
	if load := load(); load > 0 { // !
		use(load)
	} else {
		use(load)
	}
}
func bySwitch(x any) {
	switch load := x.(type) {
	case int:
		use(load)
	}
	select {
	case load := <-x:
		use(load)
	}
}
func plain() { load() } // !
"""
RUST = """
fn by_parameter(load: i32) -> i32 { load }
fn by_mutable(mut load: impl Fn()) { load() }
fn by_closure() { call(|load, x: i32| load(x)); }
fn by_kept_closure() { let f = |load| load(1); }
trait Shape { fn area(load: i32); }
fn by_let() {
    let load = load(1); // !
    use_it(load);
    println!("{}", load);
}
fn by_patterns(x: X) {
    let (a, mut load) = x;
    if let Some(load) = a { load() }
    let Some(Y { load, .. }) = x else { return };
    load
}
fn by_if() {
    if let Some(load) = load() { // !
        load
    }
    load() // !
}
fn by_loop() {
    for load in load() { // !
        load;
    }
    while let Some(load) = x.next() {
        load;
    }
}
fn by_match(x: X) {
    match x {
        Some(load) => load,
        load @ 1 => load,
        load => load,
    }
    load() // !
}
fn plain() { load() } // !
"""
C = """
int by_parameter(int load) { return load; }
int by_pointer(char *load, int n) { return load[n]; }
int by_variable(void) {
  int n = 1, *load = 0;
  return load;
}
int by_block(void) {
  { int load[3]; use(load); }
  for (int load = 0; load < 3; load++) use(load);
  return load(1); // !
}
void passed(void) { each(load); } // !
void address(void) { each(&load); } // !
"""
CPP = """
int by_reference(const T& load, int b = 1) { return load; }
int by_binding() { auto [load, rest] = pair(); return load; }
void by_loop() {
  for (auto& load : all) use(load);
  load(1); // !
}
auto by_lambda = [](int load) { return load; };
void by_error() { try { load(1); } // !
  catch (Error& load) { use(load); }
}
"""
CSHARP = """
class Till {
  int ByParameter(int load, out int b) { return load; }
  int ByVariable() {
    var load = 1;
    return load;
  }
  void ByLoop() {
    foreach (var load in all) Use(load);
    load(1); // !
  }
  void ByLambda() { Each(load => load + 1); Each((load, x) => load); }
  void ByOut() {
    Try(out var load);
    Use(load);
  }
  void ByPattern(object o) {
    if (o is Load load) { Use(load); }
  }
  void ByError() {
    try { load(2); } // !
    catch (Error load) { Use(load); }
  }
  void Passed() { Each(load); Click += load; } // !
}
"""
RUBY = """
def by_parameter(load) load end
def by_more(a, b = 1, *load) load end
def by_key(load:, **rest) load end
def by_assignment
  load = 3
  load
end
def by_block(list)
  list.each { |load| load }
  list.each { load } # !
end
def by_outer_variable(list)
  load, last = list
  list.each { puts load }
end
def by_error
  load # !
rescue => error
  load() # !
end
def by_rescue
rescue => load
  load
end
def by_pattern(x)
  case x
  in {load:}
    load
  end
end
def by_call(load)
  load() # !
  self.load # !
end
top = load # !
other = 1
def that_sees_no_outer_one
  other = load # !
end
class Till
  list = 1
  def list_of
    list + load # !
  end
end
"""


CASES = [
    ("python", PYTHON),
    ("javascript", JAVASCRIPT),
    ("typescript", JAVASCRIPT),
    ("typescript", TYPESCRIPT),
    ("tsx", TSX),
    ("go", GO),
    ("rust", RUST),
    ("ruby", RUBY),
    ("c", C),
    ("cpp", C),
    ("cpp", CPP),
    ("csharp", CSHARP),
]


@pytest.mark.parametrize(("language", "text"), CASES, ids=[language for language, _ in CASES])
def test_only_mentions_of_the_outer_name_are_references(language: str, text: str) -> None:
    found = references_to(text, language, "load") or ()
    lines = text.split("\n")
    found_lines = {lines[ref.line - 1] for ref in found if ref.kind != "import"}
    assert found_lines == {line for line in lines if line.endswith("!")}


def test_a_name_that_some_of_many_functions_bind() -> None:
    text = "".join(f"def f{n}(load):\n    load()\n\n\ndef g{n}():\n    load()\n" for n in range(50))
    assert [ref.line for ref in references_to(text, "python", "load") or ()] == [6 * n + 6 for n in range(50)]


def test_an_alias_that_a_function_binds_itself() -> None:
    text = "from shop import load as read\n\n\ndef f(read):\n    read()\n\n\ndef g(load):\n    read()\n"
    assert [(ref.line, ref.kind) for ref in references_to(text, "python", "load") or ()] == [(1, "import"), (9, "call")]


@pytest.mark.parametrize("fixture", ["from shop import load", "@pytest.fixture\ndef load(): return 1", ""])
def test_a_test_parameter_means_the_fixture_of_the_file(fixture: str) -> None:
    text = f"""{fixture}
def test_one(load): assert load  # !
def test_two(other, load: int): assert other  # !
@pytest.fixture(autouse=True)
def shop(load): return load  # !
def plain(load): return load
def test_three():
    load = 1
    return load
"""
    lines = text.split("\n")
    found_lines = [lines[ref.line - 1] for ref in references_to(text, "python", "load") or () if ref.kind != "import"]
    assert set(found_lines) == {line for line in lines if line.endswith("!") and fixture}


def test_a_method_of_ruby_sees_no_variable_of_the_code_around_it() -> None:
    text = "load = 1\nputs load\ndef f\n  load\nend\n"
    assert [ref.line for ref in references_to(text, "ruby", "load") or ()] == [4]
