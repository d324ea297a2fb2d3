"""The floors, the length of modules, and that no code knows a format by its name."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sktensornet

PACKAGE = Path(sktensornet.__file__).parent
SOURCES = {
    path.relative_to(PACKAGE).as_posix(): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))
}
CONFIGURATION = Path(__file__).parents[1] / "pyproject.toml"
FORMATS = {"TT", "HT", "CP"}
LONGEST = 400
LINT = (
    "import sys; from importlinter.cli import lint_imports; "
    "sys.exit(lint_imports(config_filename=sys.argv[1], no_cache=True))"
)


def lint_imports(folder):
    """Check the contracts of the project on the package in a folder."""
    return subprocess.run(
        [sys.executable, "-c", LINT, str(CONFIGURATION)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_import_contracts_are_kept():
    result = lint_imports(PACKAGE.parent)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


def test_the_linter_sees_broken_contracts(tmp_path):
    """One of each contract, in a copy of the package."""
    package = tmp_path / "sktensornet"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for module, line in [
        ("networks/_tree.py", "from .._problems._objective import Objective"),
        ("losses/_log.py", "from ..networks import Tree"),
        ("solvers/_adam.py", "from .._problems._model import Model"),
    ]:
        path = package / module
        path.write_text(f"{path.read_text()}\n{line}\n")
    result = lint_imports(tmp_path)
    assert result.returncode != 0
    assert " 0 kept, 3 broken" in result.stdout
    for module in ("networks._tree", "losses._log", "solvers._adam"):
        assert f"sktensornet.{module} -> sktensornet." in result.stdout


def test_modules_are_short():
    assert len(SOURCES) > 100
    n_lines = {module: len(source.splitlines()) for module, source in SOURCES.items()}
    assert {module: n for module, n in n_lines.items() if n > LONGEST} == {}


def test_warnings_point_at_the_line_of_the_user():
    warned = [module for module, source in SOURCES.items() if "warnings.warn(" in source]
    assert all(module.startswith("_support/") for module in warned)


def uses_format(node):
    """Whether an expression contains the attribute ``format`` (not a call of it)."""
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    return any(
        isinstance(n, ast.Attribute) and n.attr == "format" and id(n) not in called
        for n in ast.walk(node)
    )


def branches_on_format(source):
    """Lines that compare, match or look up the format of a tree or its name."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            constants = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
            found = uses_format(node) or not FORMATS.isdisjoint(constants)
        elif isinstance(node, ast.Match):
            found = uses_format(node.subject)
        elif isinstance(node, ast.Subscript):
            found = uses_format(node.slice)
        else:
            found = False
        if found:
            lines.append(node.lineno)
    return lines


def test_no_code_branches_on_the_format():
    found = {module: branches_on_format(source) for module, source in SOURCES.items()}
    assert {module: lines for module, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("if tree.format == 'TT': pass", True),
        ("if kind in ('HT', 'CP'): pass", True),
        ("f = {'a': 1}[tree.format]", True),
        ("match tree.format:\n    case _: pass", True),
        ("Tree(nodes, order, 'TT')", False),
        ("text = '{}'.format(1) == '1'", False),
        ("self.tree.format", False),
    ],
)
def test_branches_on_the_format_are_seen(source, found):
    assert bool(branches_on_format(source)) == found


def test_the_package_exports_what_it_says():
    assert all(hasattr(sktensornet, name) for name in sktensornet.__all__)
    source = ast.parse((PACKAGE / "__init__.py").read_text())
    allowed = (ast.Expr, ast.ImportFrom, ast.Assign)
    assert all(isinstance(node, allowed) for node in source.body)
