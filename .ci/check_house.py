"""Checks the rules of CONTRIBUTING.md that ruff doesn't know: lengths, module names, words of names and docstrings."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE_LINES = 400
FUNCTION_LINES = 40
MEDIAN_FILE_LINES = 120
MEDIAN_BODY_LINES = 5
LONG_BODY_LINES = 14
"""At most one in ten functions of production code has a longer body: its lines without signature and docstring."""
LUA_LINES = 80
FOLDER_MODULES = 12
SAME_NAMES = {
    "database": "the platform of that name, and the connection to Postgres",
    "echo": "the offline driver, and the offline platform",
    "enqueue": "a task of the wire, and its implementation",
    "protocol": "the protocol of drivers, and that of platforms",
    "registry": "finds drivers, and finds platforms",
}
"""Names that two modules may share, each with the reason: the same thing on two sides."""
PRODUCTION = ("botticelli/", "workers/", "tasks/")
WORDED = (*PRODUCTION, "benchmarks/", "celeryconfig.py", "tests/")
"""Files whose names and docstrings are checked."""
VAGUE_NAMES = frozenset({"one", "found", "asked", "wanted", "told", "kept"})
WRONG_OPENINGS = ("Of ", "Who ", "Those ", "What ", "So ")
GLOSSARY_WORDS = 45
SUBJECT_LETTERS = 72
FIRST_CHECKED = "101b6a00d854f459ede778f1b94ffe7417fde48c"
"""The last commit that isn't checked."""
GENERATED_FOLDERS = ("migrations/",)
"""Folders of generated code: a migration is one long list of statements, and never changes (docs/decisions/0081)."""


def check_file(name: str, text: str) -> Iterator[str]:
    """Yield a line for each limit that a source file exceeds."""
    lines = text.count("\n")
    if name.endswith(".lua") and lines > LUA_LINES:
        yield f"{name}: {lines} lines; a Lua script has at most {LUA_LINES}: split it"
    if not name.endswith(".py"):
        return
    if lines > FILE_LINES:
        yield f"{name}: {lines} lines; a file has at most {FILE_LINES}: split it"
    tree = ast.parse(text)
    if ast.get_docstring(tree) is None and lines:
        yield f"{name}:1: no docstring; a module opens with what it is for"
    if name.startswith(GENERATED_FOLDERS):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines; at most {FUNCTION_LINES}: split it"


def check_sizes(texts: Iterable[str]) -> Iterator[str]:
    """Yield a line for each measure of all files of production code together that is exceeded."""
    trees = [(text.count("\n"), ast.parse(text)) for text in texts]
    files = statistics.median(lines for lines, _ in trees)
    bodies = sorted(length for _, tree in trees for length in _body_lines(tree))
    measures = (
        ("files have a median", files, MEDIAN_FILE_LINES),
        ("bodies of functions have a median", statistics.median(bodies), MEDIAN_BODY_LINES),
        ("one body in ten has more than", bodies[len(bodies) * 9 // 10], LONG_BODY_LINES),
    )
    for what, lines, most in measures:
        if lines > most:
            yield f"production code: {what} of {lines:g} lines; at most {most}: split files and functions"


def _body_lines(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
            yield (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def check_folders(names: Iterable[str]) -> Iterator[str]:
    """Yield a line for each folder with too many modules."""
    counts = Counter(str(Path(name).parent) for name in names if name.endswith(".py"))
    for folder, count in sorted(counts.items()):
        if count > FOLDER_MODULES:
            yield f"{folder}: {count} modules; at most {FOLDER_MODULES}: make folders in it"


def check_names(names: Iterable[str]) -> Iterator[str]:
    """Yield a line for each module name that occurs twice without a reason in SAME_NAMES."""
    modules = [Path(name) for name in names if name.startswith(PRODUCTION) and name.endswith(".py")]
    counts = Counter(module.stem for module in modules if module.stem != "__init__")
    for stem, count in sorted(counts.items()):
        if count > 1 and stem not in SAME_NAMES:
            places = ", ".join(sorted(str(module) for module in modules if module.stem == stem))
            yield f"{places}: {count} modules are called {stem}: rename them, or give a reason in SAME_NAMES"


def check_circles(texts: Mapping[str, str]) -> Iterator[str]:
    """Yield a line when files import each other in a circle, if only for types. `texts` are files by their names."""
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in texts}
    graph = {name: {modules[module] for module in _imported(text, modules)} - {name} for name, text in texts.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"{' <- '.join(error.args[1])}: a circle of imports: move what they share into a file below them"


def _imported(text: str, modules: Mapping[str, str]) -> Iterator[str]:
    """Yield the modules that a file imports, without faces of packages, which hand on what is in them."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                module = module if module in modules else node.module
                if module in modules and not modules[module].endswith("/__init__.py"):
                    yield module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)


def check_words(name: str, text: str) -> Iterator[str]:
    """Yield a line for each bound name that says nothing, and for each docstring with a wrong opening."""
    if not (name.startswith(WORDED) and name.endswith(".py")):
        return
    tree = ast.parse(text)
    for line, bound in sorted(_bound_names(tree)):
        if bound in VAGUE_NAMES:
            yield f"{name}:{line}: {bound!r} says nothing: name the kind of thing that it holds"
    for line, docstring in _docstrings(tree):
        opening = next((words for words in WRONG_OPENINGS if docstring.startswith(words)), None)
        if opening is not None:
            yield f"{name}:{line}: a docstring begins with {opening.strip()!r}: begin with what the thing does or is"


def _bound_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of each binding: variables, parameters, functions, classes, attributes, imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name
            case ast.MatchMapping(rest=str(name)):
                yield node.lineno, name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from ((node.lineno, alias.asname) for alias in aliases if alias.asname)


def _docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring, including those after constants and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text.lstrip()


def check_glossary(text: str) -> Iterator[str]:
    """Yield a line when the glossary has too many words; `text` is its Markdown, a row of a table for each."""
    words = [line for line in text.splitlines() if line.startswith("| ")][2:]
    if len(words) > GLOSSARY_WORDS:
        yield f"docs/glossary.md: {len(words)} words; at most {GLOSSARY_WORDS}: drop one that the field has, too"


def check_subjects(log: str) -> Iterator[str]:
    """Yield a line for each subject that is too long. `log` has a line for each commit: hash, space, subject."""
    for line in log.splitlines():
        commit, _, subject = line.partition(" ")
        if len(subject) > SUBJECT_LETTERS:
            yield f"commit {commit}: a subject of {len(subject)} letters; at most {SUBJECT_LETTERS}: {subject}"


def _git(*arguments: str) -> str:
    """Return the output of git; empty outside a checkout, or when the history doesn't reach back far enough."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607 (a command of our own, without a shell)
    return done.stdout if done.returncode == 0 else ""


def main() -> int:
    """Print every problem; return the exit code."""
    tracked = [name for name in _git("ls-files", "*.py", "*.lua").splitlines() if (ROOT / name).is_file()]
    present = [name for name in tracked if not name.startswith("tests/")]
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in tracked}
    problems = [*check_folders(name for name in tracked if not name.startswith(GENERATED_FOLDERS))]
    problems += check_names(present)
    for name in present:
        problems += check_file(name, texts[name])
    for name, text in texts.items():
        problems += check_words(name, text)
    problems += check_circles(
        {name: text for name, text in texts.items() if name.startswith(PRODUCTION) and name.endswith(".py")}
    )
    problems += check_sizes(
        text for name, text in texts.items() if name.startswith(PRODUCTION) and name.endswith(".py")
    )
    problems += check_glossary((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    problems += check_subjects(_git("log", "--no-merges", "--format=%h %s", f"{FIRST_CHECKED}..HEAD"))
    print("\n".join(problems) or f"{len(present)} files within the limits")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
