"""Code that an answer quotes, and the names in it that are someone's own, not a language's.

Pure text: does not know which names exist, nor who cites what for them.
"""

import builtins
import keyword
import re

_NAME = re.compile(r"[@$&*]*([^\W\d]\w*(?:(?:\.|::|->|/|#)[^\W\d]\w*)*)(?:\(.*\))?")
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
    """The identifiers of a quotation that has the form of a name or a call.

    Without those of languages, and without what is reached through a language's own namespace (`std::move`).
    """
    found = _NAME.fullmatch(code.strip())
    return _own(found[1]) if found else []


def _own(name: str) -> list[str]:
    words = re.findall(r"\w+", name)
    if words[0] in _NAMESPACES:
        return []
    return [word for word in words if word not in _LANGUAGE and not _SIZED.fullmatch(word)]
