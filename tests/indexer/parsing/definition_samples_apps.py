"""Scala, Swift, Dart, Zig, Solidity, Objective-C and Nim: one source text each, and its definitions."""

from tests.indexer.parsing.definition_samples_dynamic import Expected

SCALA = """package shop

/** A basket. */
@deprecated
class Basket(val owner: String) extends Base with Sized {
  val Limit = 10
  private val items = List.empty[Int]
  def total(x: Int): Int = {
    val local = 1
    def inner(y: Int) = y
    x + inner(local)
  }
  def abstractOne: Int
}
object Basket { def apply(): Basket = new Basket("a") }
trait Sized { def size: Int }
case class Point(x: Int, y: Int)
enum Color { case Red, Green }
type Id = String
given ordering: Ordering[Point] = null
val MaxItems = 3
def topLevel(a: Int): Int = a
extension (s: String) def shout: String = s
"""
SWIFT = """import Foundation
let maxItems = 3
/// A basket.
public final class Basket: Base, Sized {
  static let shared = Basket()
  var count: Int { return items.count }
  private var items: [Int] = []
  init(owner: String) { self.owner = owner }
  deinit { }
  /// Adds.
  @discardableResult
  func add(_ item: Int) -> Bool { func inner() {}; return true }
  subscript(i: Int) -> Int { items[i] }
}
struct Point { var x: Int }
enum Color: String { case red, green; func dark() -> Bool { true } }
protocol Sized { func size() -> Int
  var name: String { get } }
extension Basket { func clear() {} }
actor Store { func put() {} }
typealias Id = String
func topLevel<T>(a: T) async throws -> Int { 1 }
"""
DART = """import 'dart:io';
const maxItems = 3;
final String name = 'a';
/// The basket.
@immutable
class Cart extends Base with Logs implements Sized {
  final List<int> _items = [];
  static const limit = 3;
  Cart(this.owner);
  Cart.empty() : owner = '' { init(); }
  factory Cart.of(String o) => Cart(o);
  /// Adds.
  void addItem(int item) {
    void inner() {}
    _items.add(item);
  }
  int get total => 1;
  set total(int v) {}
  int size();
  bool operator ==(Object o) => true;
}
abstract class Sized { int size(); }
mixin Logs on Base { void log() {} }
enum Color { red, green; bool dark() => true; }
extension Shout on String { String shout() => this; }
typedef Callback = void Function(int);
int topLevel(int a) async { return a; }
String short() => 'a';
int get top => 1;
"""
ZIG = """const std = @import("std");
const limit: usize = 3;
/// A point.
pub const Point = struct {
    x: i32,
    const origin = 0;
    /// Adds.
    pub fn add(self: Point, o: Point) Point {
        const local = 1;
        return self;
    }
};
const Color = enum { red, green };
const Shape = union(enum) { circle: f32 };
pub fn main() !void {}
const Err = error{Bad};
test "adds" {}
var counter: u32 = 0;
extern fn puts(s: [*]const u8) c_int;
"""
SOLIDITY = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;
import "./Base.sol";
uint256 constant TOP = 3;
/// @title Vault
contract Vault is Ownable {
    uint256 public constant LIMIT = 3;
    mapping(address => uint256) public balances;
    event Withdrawn(address who);
    error Bad(uint a);
    struct Point { uint x; }
    enum Color { Red }
    modifier onlyLate() { _; }
    constructor(uint a) { }
    /// @notice Takes.
    function withdraw(uint256 amount) external onlyOwner {
        emit Withdrawn(msg.sender);
    }
    function abs() external virtual;
    receive() external payable {}
}
interface IVault { function size() external; }
library Math { function add(uint a) internal {} }
function free(uint a) pure returns (uint) { return a; }
type Price is uint256;
"""
OBJC = """#import <Foundation/Foundation.h>
#define LIMIT 3
// A basket.
@interface Basket : NSObject <Sized>
@property (nonatomic) int count;
- (int)addItem:(int)item times:(int)n;
+ (instancetype)shared;
@end
@protocol Sized
- (int)size;
@end
@implementation Basket
// Adds.
- (int)addItem:(int)item times:(int)n {
  return item;
}
+ (instancetype)shared { return nil; }
@end
static int helper(int x) { return x; }
typedef int Id;
typedef struct { int x; } Point;
"""
NIM = """const limit = 3
type
  Point* = object
    x: int
  Color = enum red, green
## Adds.
proc add*(a, b: int): int =
  ## Adds an item.
  a + b
func half(x: int): int = x div 2
template twice(x: untyped) = x
iterator items(x: int): int = yield x
"""

APPS: dict[str, tuple[str, Expected]] = {
    "scala": (
        SCALA,
        [
            ("Basket", "class", 4, 14),
            ("Basket.total", "method", 8, 12),
            ("Basket.total.inner", "function", 10, 10),
            ("Basket.abstractOne", "declaration", 13, 13),
            ("Basket", "class", 15, 15),
            ("Basket.apply", "method", 15, 15),
            ("Sized", "interface", 16, 16),
            ("Sized.size", "declaration", 16, 16),
            ("Point", "class", 17, 17),
            ("Color", "enum", 18, 18),
            ("Id", "type", 19, 19),
            ("ordering", "constant", 20, 20),
            ("MaxItems", "constant", 21, 21),
            ("topLevel", "function", 22, 22),
            ("shout", "function", 23, 23),
        ],
    ),
    "swift": (
        SWIFT,
        [
            ("maxItems", "constant", 2, 2),
            ("Basket", "class", 4, 14),
            ("Basket.shared", "constant", 5, 5),
            ("Basket.count", "method", 6, 6),
            ("Basket.init", "method", 8, 8),
            ("Basket.deinit", "method", 9, 9),
            ("Basket.add", "method", 11, 12),
            ("Basket.add.inner", "function", 12, 12),
            ("Basket.subscript", "method", 13, 13),
            ("Point", "class", 15, 15),
            ("Color", "enum", 16, 16),
            ("Color.dark", "method", 16, 16),
            ("Sized", "interface", 17, 18),
            ("Sized.size", "declaration", 17, 17),
            ("Basket", "impl", 19, 19),
            ("Basket.clear", "method", 19, 19),
            ("Store", "class", 20, 20),
            ("Store.put", "method", 20, 20),
            ("Id", "type", 21, 21),
            ("topLevel", "function", 22, 22),
        ],
    ),
    "dart": (
        DART,
        [
            ("maxItems", "constant", 2, 2),
            ("name", "constant", 3, 3),
            ("Cart", "class", 5, 21),
            ("Cart.limit", "constant", 8, 8),
            ("Cart.Cart", "method", 9, 9),
            ("Cart.empty", "method", 10, 10),
            ("Cart.of", "method", 11, 11),
            ("Cart.addItem", "method", 13, 16),
            ("Cart.addItem.inner", "function", 14, 14),
            ("Cart.total", "method", 17, 17),
            ("Cart.total", "method", 18, 18),
            ("Cart.size", "declaration", 19, 19),
            ("Cart.operator", "method", 20, 20),
            ("Sized", "class", 22, 22),
            ("Sized.size", "declaration", 22, 22),
            ("Logs", "class", 23, 23),
            ("Logs.log", "method", 23, 23),
            ("Color", "enum", 24, 24),
            ("Color.dark", "method", 24, 24),
            ("Shout", "impl", 25, 25),
            ("Shout.shout", "method", 25, 25),
            ("Callback", "type", 26, 26),
            ("topLevel", "function", 27, 27),
            ("short", "function", 28, 28),
            ("top", "function", 29, 29),
        ],
    ),
    "zig": (
        ZIG,
        [
            ("std", "constant", 1, 1),
            ("limit", "constant", 2, 2),
            ("Point", "class", 4, 12),
            ("Point.origin", "constant", 6, 6),
            ("Point.add", "method", 8, 11),
            ("Color", "enum", 13, 13),
            ("Shape", "class", 14, 14),
            ("main", "function", 15, 15),
            ("Err", "enum", 16, 16),
            ("adds", "function", 17, 17),
            ("counter", "constant", 18, 18),
            ("puts", "declaration", 19, 19),
        ],
    ),
    "solidity": (
        SOLIDITY,
        [
            ("TOP", "constant", 4, 4),
            ("Vault", "class", 6, 21),
            ("Vault.LIMIT", "constant", 7, 7),
            ("Vault.balances", "constant", 8, 8),
            ("Vault.Withdrawn", "type", 9, 9),
            ("Vault.Bad", "type", 10, 10),
            ("Vault.Point", "class", 11, 11),
            ("Vault.Color", "enum", 12, 12),
            ("Vault.onlyLate", "method", 13, 13),
            ("Vault.constructor", "method", 14, 14),
            ("Vault.withdraw", "method", 16, 18),
            ("Vault.abs", "declaration", 19, 19),
            ("IVault", "interface", 22, 22),
            ("IVault.size", "declaration", 22, 22),
            ("Math", "class", 23, 23),
            ("Math.add", "method", 23, 23),
            ("free", "function", 24, 24),
            ("Price", "type", 25, 25),
        ],
    ),
    "objc": (
        OBJC,
        [
            ("LIMIT", "constant", 2, 2),
            ("Basket", "impl", 4, 8),
            ("Basket.addItem", "declaration", 6, 6),
            ("Basket.shared", "declaration", 7, 7),
            ("Sized", "interface", 9, 11),
            ("Sized.size", "declaration", 10, 10),
            ("Basket", "class", 12, 18),
            ("Basket.addItem", "method", 14, 16),
            ("Basket.shared", "method", 17, 17),
            ("helper", "function", 19, 19),
            ("Id", "type", 20, 20),
            ("Point", "class", 21, 21),
        ],
    ),
    "nim": (
        NIM,
        [
            ("limit", "constant", 1, 1),
            ("Point", "class", 3, 4),
            ("Color", "enum", 5, 5),
            ("add", "function", 7, 9),
            ("half", "function", 10, 10),
            ("twice", "function", 11, 11),
            ("items", "function", 12, 12),
        ],
    ),
}
