"""The core may import little, and may not look at the world: proved on the source itself."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "marketbell"
ALLOWED = {
    "__future__", "abc", "bisect", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "json", "lark", "marketbell", "math", "numba", "numpy", "operator",
    "re", "statistics", "string", "struct", "types", "typing", "uuid", "zlib", "zoneinfo", "difflib", "unicodedata",
}  # fmt: skip
BANNED_CALLS = {
    "open", "eval", "exec", "input", "print", "now", "utcnow", "today", "time", "monotonic", "perf_counter", "uuid4",
    "uuid1", "getenv", "default_rng", "__import__",
}  # fmt: skip
FILES = sorted([*(SRC / "core").rglob("*.py"), *(SRC / "ports").rglob("*.py")])


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _calls(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name):
                    names.add(name)
                case ast.Attribute(attr=name, value=ast.Name(id="datetime" | "date" | "time" | "uuid" | "os")):
                    names.add(name)
                case ast.Attribute(attr="default_rng"):
                    names.add("default_rng")
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_core_and_ports_import_only_what_is_allowed(path: Path) -> None:
    assert _imports(ast.parse(path.read_text())) <= ALLOWED


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_core_and_ports_read_no_clock_no_file_and_no_dice(path: Path) -> None:
    assert not _calls(ast.parse(path.read_text())) & BANNED_CALLS


def test_the_check_would_see_a_clock() -> None:
    tree = ast.parse("import time\nfrom datetime import datetime\ntime.time()\ndatetime.now()\nopen('x')")
    assert _imports(tree) - ALLOWED == {"time"}
    assert _calls(tree) & BANNED_CALLS == {"time", "now", "open"}
