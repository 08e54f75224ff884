"""Compiled languages: one source text each, and its definitions."""

from tests.indexer.parsing.definition_samples_dynamic import Expected

GO = """
package p
// Run starts it.
func (s *Server[T]) Run(a int) error { return nil }
func Free() {}
// Server serves.
type Server[T any] struct {
	a int
}
type (
	Reader interface { Read() }
	Id = int
)
const Max = 1
"""
RUST = """
/// A point.
#[derive(Debug)]
pub struct Point { x: u8 }
impl fmt::Display for Point {
    fn fmt(&self) -> u8 { 1 }
}
trait Shape { fn area(&self); fn name() {} }
mod inner { fn deep() {} }
macro_rules! mac { () => {} }
enum E { A }
const C: u8 = 1;
type T = u8;
"""
JAVA = """
package a;
/** A box. */
@Entity
public class Box<T> extends Base {
  static final int X = 1;
  public Box() {}
  @Override
  public void open(int a) throws E { }
  interface Shape { void area(); }
  enum Color { RED; }
  record Pair(int a) {}
}
"""
C = """
#define MAX 1
#define SQ(x) ((x) * (x))
/* Adds. */
static int *add(int a) {
  return 0;
}
struct point { int a; };
typedef struct { int b; } line_t;
enum color { RED };
int proto(void);
char **words(void) { return 0; }
static const int table[] = {1};
typedef int id_t;
int (*hook(int which))(void) { return 0; }
"""
CPP = """
namespace a::b {
template <class T>
class Box : public Base {
 public:
  Box() {}
  ~Box();
  int operator+(int x) { return 1; }
};
}
void a::b::Box::open() { std::string s(buf); }
int& ref() { return x; }
using Id = int;
enum class Color { Red };
"""
CSHARP = """
namespace A.B;
/// A box.
[Serializable]
public class Box : Base {
  public Box() {}
  public void Open<T>(int a) => Run();
  void Abstract();
  struct Point {}
  interface IShape { void Area(); }
  enum Color { Red }
}
"""
KOTLIN = """
package a.b
/** A box. */
class Box(val x: Int) : Base() {
  fun open(a: Int): Int = 1
}
object Single {
  fun call() { }
}
enum class Color { RED }
fun String.ext(): Int { return 1 }
typealias Id = Int
"""

STATIC: dict[str, tuple[str, Expected]] = {
    "go": (
        GO,
        [
            ("Server.Run", "method", 4, 4),
            ("Free", "function", 5, 5),
            ("Server", "class", 7, 9),
            ("Reader", "interface", 11, 11),
            ("Reader.Read", "declaration", 11, 11),
            ("Id", "type", 12, 12),
            ("Max", "constant", 14, 14),
        ],
    ),
    "rust": (
        RUST,
        [
            ("Point", "class", 3, 4),
            ("Point", "impl", 5, 7),
            ("Point.fmt", "method", 6, 6),
            ("Shape", "interface", 8, 8),
            ("Shape.area", "declaration", 8, 8),
            ("Shape.name", "method", 8, 8),
            ("inner", "module", 9, 9),
            ("inner.deep", "function", 9, 9),
            ("mac", "function", 10, 10),
            ("E", "enum", 11, 11),
            ("C", "constant", 12, 12),
            ("T", "type", 13, 13),
        ],
    ),
    "java": (
        JAVA,
        [
            ("Box", "class", 4, 13),
            ("Box.X", "constant", 6, 6),
            ("Box.Box", "method", 7, 7),
            ("Box.open", "method", 8, 9),
            ("Box.Shape", "interface", 10, 10),
            ("Box.Shape.area", "declaration", 10, 10),
            ("Box.Color", "enum", 11, 11),
            ("Box.Pair", "class", 12, 12),
        ],
    ),
    "c": (
        C,
        [
            ("MAX", "constant", 2, 2),
            ("SQ", "function", 3, 3),
            ("add", "function", 5, 7),
            ("point", "class", 8, 8),
            ("line_t", "class", 9, 9),
            ("color", "enum", 10, 10),
            ("proto", "declaration", 11, 11),
            ("words", "function", 12, 12),
            ("table", "constant", 13, 13),
            ("id_t", "type", 14, 14),
            ("hook", "function", 15, 15),
        ],
    ),
    "cpp": (
        CPP,
        [
            ("a.b", "module", 2, 10),
            ("a.b.Box", "class", 3, 9),
            ("a.b.Box.Box", "method", 6, 6),
            ("a.b.Box.~Box", "declaration", 7, 7),
            ("a.b.Box.operator+", "method", 8, 8),
            ("a.b.Box.open", "method", 11, 11),
            ("ref", "function", 12, 12),
            ("Id", "type", 13, 13),
            ("Color", "enum", 14, 14),
        ],
    ),
    "csharp": (
        CSHARP,
        [
            ("Box", "class", 4, 12),
            ("Box.Box", "method", 6, 6),
            ("Box.Open", "method", 7, 7),
            ("Box.Abstract", "declaration", 8, 8),
            ("Box.Point", "class", 9, 9),
            ("Box.IShape", "interface", 10, 10),
            ("Box.IShape.Area", "declaration", 10, 10),
            ("Box.Color", "enum", 11, 11),
        ],
    ),
    "kotlin": (
        KOTLIN,
        [
            ("Box", "class", 4, 6),
            ("Box.open", "method", 5, 5),
            ("Single", "class", 7, 9),
            ("Single.call", "method", 8, 8),
            ("Color", "enum", 10, 10),
            ("String.ext", "method", 11, 11),
            ("Id", "type", 12, 12),
        ],
    ),
}
