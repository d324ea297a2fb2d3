"""The code in the pages of the documentation runs and says what the pages say."""

import doctest
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(
    page
    for page in DOCS.rglob("*.md")
    if ">>> " in page.read_text() and page.relative_to(DOCS).parts[0] != "_build"
)
SCRIPTS = sorted((DOCS / "internals").glob("*.py"))


def relative(path):
    return path.relative_to(DOCS).as_posix()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_code_of_a_page(page):
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testfile(str(page), module_relative=False, optionflags=flags)
    assert result.failed == 0
    assert result.attempted > 0


@pytest.mark.parametrize("script", SCRIPTS, ids=relative)
def test_worked_examples(script):
    runpy.run_path(str(script))


def test_there_is_code_to_run():
    assert len(PAGES) >= 5
    assert len(SCRIPTS) >= 3
