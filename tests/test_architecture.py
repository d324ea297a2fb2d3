"""The floors, the length of modules, and that no code knows a format by its name."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sktensornet

PACKAGE = Path(sktensornet.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
CONFIGURATION = Path(__file__).parents[1] / "pyproject.toml"
FORMATS = {"TT", "HT", "CP"}
LONGEST = 400
each_module = pytest.mark.parametrize(
    "module", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
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


@pytest.fixture
def copy(tmp_path):
    """A copy of the package that a test may break."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "sktensornet", ignore=ignore)
    return tmp_path


def test_import_contracts_are_kept():
    result = lint_imports(PACKAGE.parent)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("losses/_log.py", "from ..networks import Tree"),
        ("solvers/_adam.py", "from .._problems._model import Model"),
        ("networks/_tree.py", "from .._problems._objective import Objective"),
    ],
)
def test_the_linter_sees_a_broken_contract(copy, module, line):
    path = copy / "sktensornet" / module
    path.write_text(f"{path.read_text()}\n{line}\n")
    result = lint_imports(copy)
    assert result.returncode != 0
    assert "BROKEN" in result.stdout


@each_module
def test_modules_are_short(module):
    n_lines = len(module.read_text().splitlines())
    assert n_lines <= LONGEST, f"{module.name} has {n_lines} lines"


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
        names = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
        if isinstance(node, ast.Compare):
            found = uses_format(node) or not FORMATS.isdisjoint(
                name for name in names if isinstance(name, str)
            )
        elif isinstance(node, ast.Match):
            found = uses_format(node.subject)
        elif isinstance(node, ast.Subscript):
            found = uses_format(node.slice)
        else:
            found = False
        if found:
            lines.append(node.lineno)
    return lines


@each_module
def test_no_code_branches_on_the_format(module):
    assert branches_on_format(module.read_text()) == []


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
