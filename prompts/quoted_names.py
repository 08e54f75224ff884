"""The names in code that an answer quotes, which its sources must contain.

Pure text: does not know which names exist, nor who cites what for them.
"""

import builtins
import keyword
import re

_CALL, _INDEX = "\0", "\1"  # what parentheses and brackets are shortened to
_CHAIN = r"[^\W\d]\w*+(?:(?:\.|::|->|/|#)[^\W\d]\w*+)*+"
_NAME = re.compile(rf"[@$&*]*+({_CHAIN}){_CALL}?")
_PATH = re.compile(r"(?:[\w.@+-]++/)++[\w.@+-]*\.[A-Za-z]\w{0,9}")
_LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'")
_BRACKET = re.compile(r"([()\[\]])")
_CLOSES = {")": "(", "]": "["}
_KEYWORD = re.compile(
    r"(?:\A|(?<=\s))(?:async|await|const|def|fn|func|function|let|mut|new|raise|return|throw|val|var|yield|pub|public"
    r"|private|protected|static|final|and|or|not|in|is|if|else)(?=\s)"
)
_PROSE = re.compile(rf"[\w{_CALL}{_INDEX}\"]\s+[\w\"]|\w-\w|:/|[^\w\s{_CALL}{_INDEX}.,:<>|&*+/%!?=@$\"-]")
_ASSIGNED = re.compile(rf"[+\s]*+(?P<target>{_CHAIN})(?::\s[^=]*)?\s[-+*/%|&?:]{{0,2}}=\s")
_TYPED = re.compile(r"[+\s]*+(?P<target>[a-z_][\w.]*+)\??:\s")
_LED = re.compile(rf"(?:async|await|def|fn|func|function|new|raise|return|throw|yield)\s|{_CHAIN}{_CALL}")
_CALLED = re.compile(rf"(?<!\w)\d*+([^\W\d]\w*+){_CALL}")
_EXAMPLE = re.compile(r"(?:my|your|some|example)(?:_|[A-Z])|(?:My|Your|Some|Example)[A-Z]|(?:MY|YOUR|SOME|EXAMPLE)_")
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
    " Any Callable ClassVar Dict Final Generator Literal Mapping Sequence Tuple Union"
)
_NAMESPACES = frozenset({"std", "fmt", "console", "JSON", "Math", "Object", "Promise", "Reflect", "java", "javax"})
_NAMESPACED = re.compile(rf"(?<![\w.:])(?:{'|'.join(_NAMESPACES)})\b(?:(?:\.|::)\w+)*")
_LANGUAGE = _NAMESPACES.union(dir(builtins), dir(object), keyword.kwlist, _STANDARD.split())
_SIZED = re.compile(r"(?:[iuf]|u?int|float|complex)(?:8|16|32|64|128|size|ptr)(?:_t)?")


def quoted_names(code: str) -> list[str]:
    """The names of a quotation that the sources of its sentence must contain, as spelled: precision before coverage.

    The whole of a name, of a callee, of a path with a folder that does not start at the root of the disk. Of an
    assignment, a variable with its type, or code that begins with a call, `return`, `def` and the like: the first
    callee, and each word that looks like a name of the project, with capitals and small letters or an underscore
    (`Foo`, `load_all`, `MAX_SIZE`). Never what may be an example or a value of the answer's own: all that stands in
    parentheses, brackets or quotation marks, the plain variable that is assigned to, `my_...`. Never what belongs to
    languages. Of anything else (`a + b`, `key=value`, `class A(B)`, commands, phrases) nothing.
    """
    code = code.strip()
    plain = _shortened(code)
    if found := _NAME.fullmatch(plain):
        names = [found[1]]
    elif _PATH.fullmatch(code):
        names = [code]
    else:
        names = _stated(plain.rstrip(" ;:{,"))
    return [name for name in names if own_words(name)]


def _shortened(code: str) -> str:
    """Without what is in quotation marks, parentheses and brackets."""
    groups: list[list[str]] = [[]]  # the text outside of brackets, then that of each open one with its bracket
    for piece in _BRACKET.split(_LITERAL.sub('""', code)):
        if piece in ("(", "["):
            groups.append([piece])
        elif piece not in _CLOSES:
            groups[-1].append(piece)
        elif len(groups) > 1 and groups[-1][0] == _CLOSES[piece]:
            groups.pop()
            groups[-1].append(_CALL if piece == ")" else _INDEX)
        else:  # no group that contains this bracket can be closed
            groups = [[part for group in groups for part in group] + [piece]]
    return "".join(part for group in groups for part in group)


def _stated(plain: str) -> list[str]:
    """The names of a statement; none of what is not clearly one."""
    code = _KEYWORD.sub("+", plain)  # as an operator: two words side by side are prose then
    head = _ASSIGNED.match(code) or _TYPED.match(code)
    if _PROSE.search(code) or not (head or _LED.match(plain)):
        return []
    if head and head["target"].isidentifier() and not head["target"].isupper():
        code = code[head.end("target") :]
    code = _NAMESPACED.sub("", code)
    called = _CALLED.findall(code)[:1]
    own = [word for word in re.findall(r"\w+", code) if _looks_own(word)]
    return [word for word in dict.fromkeys(called + own) if not _EXAMPLE.match(word)]


def _looks_own(word: str) -> bool:
    return "_" in word.rstrip("_") or word not in (word.lower(), word.upper())


def own_words(name: str) -> list[str]:
    """Its words, without those of languages and what is reached through a language's namespace (`std::move`)."""
    words = re.findall(r"\w+", _NAMESPACED.sub("", name))
    return [word for word in words if word not in _LANGUAGE and not _SIZED.fullmatch(word)]


def is_path_in(name: str, path: str) -> bool:
    """Whether a name spells whole parts of a path, its ending or not: of shop/cart.py `./shop/cart`, `cart.py`, `shop`.

    A name without separators is a folder or a whole file name: `cart` would as likely be a function.
    """
    parts, whole = _parts(name), _parts(path)
    if len(parts) == 1:
        return name in path.split("/")
    return any(whole[at : at + len(parts)] == parts for at in range(len(whole) - len(parts) + 1))


def _parts(path: str) -> list[str]:
    return [part for part in re.split(r"[/.]|::", path) if part]
