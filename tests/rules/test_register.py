"""The house test of rules: docs/rules.md and the code say the same.

`python tests/rules/test_register.py` rewrites the columns of functions and tests; the statements are written
by hand.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
REGISTER = ROOT / "docs" / "rules.md"
PURE_ROOMS = ("rules", "policies")
LISTED_ROOMS = (*PURE_ROOMS, "actions")
ROOMS = (*LISTED_ROOMS, "handlers", "scheduler", "bot")
CLAUSE = re.compile(r"S\d+\.\d+")
ROW = re.compile(r"^\| (S\d+\.\d+) \| (.+?) \| (.*?) \| (.*?) \|$", re.M)


@dataclass(frozen=True)
class Row:
    """One clause of the register."""

    statement: str
    functions: tuple[str, ...]
    tests: tuple[str, ...]


def register() -> dict[str, Row]:
    """The rows of docs/rules.md by clause."""
    rows = {}
    for clause, statement, functions, tests in ROW.findall(REGISTER.read_text(encoding="utf-8")):
        rows[clause] = Row(
            statement, tuple(re.findall(r"`(.+?)`", functions)), tuple(re.findall(r"`(.+?)`", tests))
        )
    return rows


def cited(rooms: tuple[str, ...]) -> dict[str, set[str]]:
    """Clause -> functions whose docstring names it after `Clause:`."""
    found: dict[str, set[str]] = defaultdict(set)
    for path, name, docstring in documented(rooms):
        if "Clause:" in docstring:
            for clause in CLAUSE.findall(docstring.split("Clause:", 1)[1]):
                found[clause].add(name if "." in name else path)
    return found


def documented(rooms: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Every function, method and class of the rooms: module, dotted name, docstring."""
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield from (
                (module, name, text) for name, text in inside(ast.parse(path.read_text("utf-8")), module)
            )


def inside(node: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}.{child.name}"
            yield name, ast.get_docstring(child) or ""
            yield from inside(child, name)


def proofs() -> dict[str, set[str]]:
    """Clause -> test files with a test that names it in name or docstring."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for clause in CLAUSE.findall(ast.get_docstring(node) or ""):
                    found[clause].add(path.relative_to(ROOT).as_posix())
    return found


def test_every_clause_named_in_the_code_stands_in_the_register() -> None:
    missing = {clause: sorted(names) for clause, names in cited(ROOMS).items() if clause not in register()}
    assert not missing, f"add a line to docs/rules.md: {missing}"


def test_the_register_and_the_pure_rooms_name_the_same_functions() -> None:
    code = cited(PURE_ROOMS)
    for clause, row in register().items():
        listed = {name for name in row.functions if name.split(".")[0] in PURE_ROOMS}
        assert listed == code.get(clause, set()), f"{clause}: run python tests/rules/test_register.py"


def test_every_function_in_the_register_exists() -> None:
    known = {name for _, name, _ in documented(LISTED_ROOMS)}
    listed = {name for row in register().values() for name in row.functions}
    assert listed <= known, f"run python tests/rules/test_register.py: {sorted(listed - known)}"


def test_every_rule_has_a_test_that_names_it() -> None:
    tests, code = proofs(), cited(PURE_ROOMS)
    for clause, row in register().items():
        assert set(row.tests) <= tests.get(clause, set()), (
            f"{clause}: run python tests/rules/test_register.py"
        )
        assert row.tests or clause not in code, f"{clause} has rules and no test"


def test_every_public_rule_names_its_clause() -> None:
    silent = [
        name
        for _, name, docstring in documented(("rules",))
        if name.count(".") == 2 and name.rsplit(".", 1)[1][0].islower() and "Clause:" not in docstring
    ]
    assert silent == []


def test_the_register_is_in_order_and_says_each_clause_once() -> None:
    listed = [row[0] for row in ROW.findall(REGISTER.read_text(encoding="utf-8"))]
    assert listed == sorted(set(listed), key=lambda clause: [int(part) for part in clause[1:].split(".")])
    assert len(listed) > 30


def rewrite() -> None:
    """Bring the columns of functions and tests up to date."""
    code, tests = cited(LISTED_ROOMS), proofs()

    def row(found: re.Match[str]) -> str:
        clause, statement = found.group(1), found.group(2)
        columns = [
            ", ".join(f"`{name}`" for name in sorted(each.get(clause, ()))) or "–" for each in (code, tests)
        ]
        return f"| {clause} | {statement} | {columns[0]} | {columns[1]} |"

    REGISTER.write_text(ROW.sub(row, REGISTER.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    rewrite()
