"""Code that an answer quotes, and the names in it that are someone's own, not a language's.

Pure text: does not know which names exist, nor who cites what for them.
"""

import builtins
import keyword
import re

_NAME = re.compile(r"[@$&*]*([^\W\d]\w*(?:(?:\.|::|->|/|#)[^\W\d]\w*)*)(?:\(.*\))?")
_PATH = re.compile(r"(?:[\w.@+-]+/)+[\w.@+-]*\.[A-Za-z]\w{0,9}")
# What belongs to languages and not to anyone's code: an answer may quote these whatever its source says. Beside the
# words of languages these are types that code may imply without their name; a function that is used is spelled.
_STANDARD = (
    "self Self cls this super null nil nullptr undefined void true false string number boolean byte rune char double"
    " long short float unsigned auto size_t error func function fn let const var mut pub struct enum union trait impl"
    " interface namespace template typename extends implements readonly unknown never public private protected static"
    " final virtual throw throws new switch typeof instanceof crate chan defer goroutine panic println errors strings"
    " strconv document window globalThis vector unique_ptr shared_ptr weak_ptr string_view unordered_map"
    " Array ArrayBuffer BigInt Boolean Date Error Function Infinity Map NaN Number Proxy RangeError RegExp Set String"
    " Symbol Uint8Array WeakMap WeakSet"
    " Option Some Result Ok Err Vec VecDeque Box Rc Arc Cell RefCell Cow Pin Mutex RwLock HashMap HashSet BTreeMap"
    " BTreeSet PathBuf OsString Default Clone Copy Debug Display Drop Deref From Into TryFrom TryInto AsRef ToString"
    " ToOwned Eq PartialEq Ord PartialOrd Hash Send Sync Sized Fn FnMut FnOnce IntoIterator"
    " Integer Long Short Byte Double Float Character Void Int UInt Bool System Thread Runnable Comparable Iterable"
    " Iterator Collection Collections List ArrayList LinkedList LinkedHashMap TreeMap TreeSet Dictionary Arrays Objects"
    " Optional StringBuilder Throwable RuntimeException IllegalArgumentException IllegalStateException"
    " NullPointerException IndexOutOfBoundsException UnsupportedOperationException IOException Override"
    " Any Callable Dict Generator Mapping Sequence Tuple Union"
)
_NAMESPACES = frozenset({"std", "fmt", "console", "JSON", "Math", "Object", "Promise", "Reflect", "java", "javax"})
_LANGUAGE = _NAMESPACES.union(dir(builtins), dir(object), keyword.kwlist, _STANDARD.split())
_SIZED = re.compile(r"(?:[iuf]|u?int|float|complex)(?:8|16|32|64|128|size|ptr)(?:_t)?")


def quoted_names(code: str) -> list[str]:
    """What a quotation names, as it spells it: a name, the callee of a call, a file with its folder.

    Nothing where all of it is a language's, and no path from the root of the disk.
    """
    code = code.strip()
    found = _NAME.fullmatch(code)
    name = found[1] if found else code if _PATH.fullmatch(code) else ""
    return [name] if own_words(name) else []


def own_words(name: str) -> list[str]:
    """Its words, without those of languages and what is reached through a language's namespace (`std::move`)."""
    words = re.findall(r"\w+", name)
    if not words or words[0] in _NAMESPACES:
        return []
    return [word for word in words if word not in _LANGUAGE and not _SIZED.fullmatch(word)]


def is_path_in(name: str, path: str) -> bool:
    """Whether a name spells whole parts of a path, its ending or not: of shop/cart.py `./shop/cart`, `cart.py`, `shop`.

    A name without separators is a folder or a whole file name: `cart` would as likely be a function.
    """
    parts, whole = _parts(name), _parts(path)
    if len(parts) == 1:
        return name in path.split("/")
    return any(whole[at : at + len(parts)] == parts for at in range(len(whole)))


def _parts(path: str) -> list[str]:
    return [part for part in re.split(r"[/.]|::", path) if part]
