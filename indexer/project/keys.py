"""Which entries of manifests tell which fact. Tables only."""

import re
from dataclasses import dataclass

from indexer.project.questions import ProjectKind


@dataclass(frozen=True, slots=True)
class Keys:
    """The entries that tell a fact: those whose whole key matches; with `part`, only the lines of a value
    that match; with `file`, only those of files with such a name."""

    key: re.Pattern[str]
    part: re.Pattern[str] | None = None
    file: re.Pattern[str] | None = None

    def has(self, path: str, key: str) -> bool:
        is_file = self.file is None or self.file.fullmatch(path.rpartition("/")[2])
        return bool(is_file and self.key.fullmatch(key))


def _keys(key: str, part: str = "", file: str = "") -> Keys:
    is_file = re.compile(file, re.IGNORECASE) if file else None
    return Keys(re.compile(key, re.IGNORECASE), re.compile(part) if part else None, is_file)


_OWN = r"(?:project\.|package\.|workspace\.package\.|metadata\.|tool\.poetry\.|info\.|project\.propertygroup\.)?"
_CLASSIFIERS = r"(?:project\.|metadata\.)?classifiers"

# The first rows come first in an answer.
FACTS: dict[ProjectKind, tuple[Keys, ...]] = {
    "licence": (
        _keys(_OWN + r"licen[cs]es?(?:[-.](?:text|file|name|expression|license\.name|type))?"),
        _keys(_OWN + r"packagelicenseexpression"),
        _keys(r"project\.licenses\.license\.name|licenses"),
        _keys(_CLASSIFIERS, r"License ::"),
    ),
    "version": (
        _keys(_OWN + r"(?:version|versionprefix|packageversion)|versionname|project\.properties\.revision"),
        _keys(r"project|ac_init", r"\d+\.\d+"),
    ),
    "runtime": (
        _keys(
            r"(?:project\.|metadata\.|options\.)?(?:requires-python|python_requires)|engines\.\w+|go|toolchain"
            r"|(?:workspace\.)?package\.rust-version|require\.(?:php|ext-\w+)|required_ruby_version|ruby"
            r"|tool\.poetry\.dependencies\.python|environment\.sdk|elixir|packagemanager|scalaversion"
            r"|crossscalaversions"
            r"|(?:project\.properties\.)?(?:maven\.compiler\.(?:source|target|release)|java\.version|jdk\.version)"
            r"|sourcecompatibility|targetcompatibility|jvmtoolchain|jvmtarget|languageversion|release"
            r"|(?:project\.propertygroup\.)?(?:targetframeworks?|langversion)|cmake_minimum_required"
            r"|cmake_c(?:xx)?_standard|target_compile_features|swift-tools-version|kotlin_version"
            r"|thisbuild.*scalaversion|min_?sdk(?:version)?|environment\.flutter|minimum_zig_version|sdk\.version"
        ),
        _keys(r"(?:workspace\.)?package\.edition"),
        _keys(_CLASSIFIERS, r"Programming Language ::.*\d\.\d"),
    ),
    "dependencies": (
        _keys(r"add_(?:runtime_)?dependency"),
        _keys(
            r"(?:project\.|workspace\.|tool\.poetry\.|options\.|project\.dependencymanagement\.)?"
            r"(?:dependencies|install_requires)|require(?:\..*)?|librarydependencies|build-depends|deps\..*|requirements\..*"
            r"|project\.itemgroup\.packagereference|find_package|pkg_check_modules|target\..*\.dependencies"
        ),
        _keys("packages", file="pipfile"),
        _keys("gem", file="gemfile"),
        _keys("implementation|api|compile", file=r".*\.gradle(?:\.kts)?"),
        _keys(r"peerdependencies|project\.optional-dependencies|optionaldependencies"),
    ),
    "entry points": (
        _keys(
            r"project\.(?:gui-)?(?:scripts|entry-points)|tool\.poetry\.scripts|options\.entry_points.*|bin"
            r"|bin\.path|main"
            r"|module|exports|entry_points|executables|mainclass(?:name)?|lib\.path|default-run|package\.default-run"
            r"|browser|autoload|application\.mainclass|console_scripts|scripts\.start"
        ),
    ),
    "authors": (_keys(_OWN + r"(?:authors?|maintainers?)|contributors|project\.developers|author(?:\.name)?|email"),),
    "links": (
        _keys(
            r"project\.urls|"
            + _OWN
            + r"(?:homepage|documentation|repository|url|scm|bugs|changelog)(?:\.url)?|home_page"
            r"|support|project\.scm\.url|homepage_uri|source_code_uri|documentation_uri|bug_tracker_uri"
            r"|repo_url|site_url"
        ),
    ),
    "name": (_keys(_OWN + r"(?:name|artifactid|packageid)|module|rootproject\.name"), _keys(r"project", r"\w")),
    "purpose": (_keys(_OWN + r"(?:description|summary)"),),
    "requirements": (
        _keys(r"platforms|os|cpu|engines\.\w+|min_?sdk(?:version)?|project\.propertygroup\.runtimeidentifiers?"),
        _keys(_CLASSIFIERS, r"Operating System ::"),
    ),
    "ci": (_keys(r".*matrix\.(?:os|platform|runner|include\.os)"), _keys(r".*\.runs-on")),
    "tools": (
        _keys(r"build-system\.(?:build-backend|requires)|packagemanager|project\.build\.plugins.*|plugins|id"),
        _keys(
            r"scripts\.(?:build|test|lint|format|docs?|typecheck|types)|tool\.(?:pytest|hatch|ruff|mypy|black|isort)"
        ),
    ),
}
DEVELOPMENT = _keys(
    r"devdependencies|require-dev|(?:workspace\.|target\..*\.)?dev-dependencies|project\.optional-dependencies"
    r"(?:\.(?:dev|test|tests|docs|lint))?|dependency-groups(?:\..*)?|add_development_dependency|testimplementation"
    r"|tool\.poetry\.(?:dev-dependencies|group\..*\.dependencies)|test_requires|extras_require|requirements\..*|gem"
)
# Another name of a thing -> the parts of keys that are about it.
ALIASES = {
    "node": "node(?:js)?", "nodejs": "node(?:js)?", "node.js": "node(?:js)?", "javascript": "node(?:js)?",
    "python": "python", "py": "python",
    "java": "java|jdk|jvm|maven.compiler|compatibility|release", "jdk": "java|jdk|jvm|maven.compiler|compatibility",
    "jvm": "java|jdk|jvm|compatibility", "go": "^go$|golang|toolchain|go-version|goversion",
    "golang": "^go$|golang|toolchain|go-version",
    "rust": "rust|msrv|toolchain|edition", "cargo": "rust|msrv", "php": "php", "ruby": "ruby",
    "c++": "cxx|cpp|c\\+\\+|compile_features", "cpp": "cxx|cpp", "cxx": "cxx|cpp", "c": "c_standard|_c_",
    "cmake": "cmake_minimum_required", ".net": "targetframework|dotnet",
    "dotnet": "targetframework|dotnet",
    "c#": "langversion|targetframework", "typescript": "typescript", "ts": "typescript", "scala": "scala",
    "kotlin": "kotlin", "swift": "swift", "elixir": "elixir", "dart": "sdk", "bash": "bash",
    "npm": "npm|packagemanager", "android": "min_?sdk", "sdk": "sdk", "zig": "zig", "flutter": "flutter",
    "yarn": "yarn|packagemanager", "pnpm": "pnpm|packagemanager", "gradle": "gradle|distributionurl",
}  # fmt: skip
MAIN_FILE = re.compile(
    r"(?:src/|lib/|app/|source/)?(?:index|main|server|app|cli|__main__|program)\.(?:[cm]?[jt]sx?|py|rs|go|c|cpp"
    r"|cc|cs|rb|php|kt|java|swift|zig)|src/lib\.rs|cmd/[^/]+/main\.go|src/main/(?:java|kotlin|scala)/.*/?(?:Main|App"
    r"|Application)\.\w+|[\w-]+/__main__\.py|manage\.py|wsgi\.py|asgi\.py|config\.ru|doc\.go"
)
CODE_VERSIONS = ("__version__", "version", "VERSION", "Version", "VERSION_STRING", "version_info")
