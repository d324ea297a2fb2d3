"""The tools that build the site, and what ties it to the rest of the project."""

import ast
import pydoc
import re
import sys
import tomllib
import zlib
from pathlib import Path

import inventories
import links
import pytest
import reference

import sktensornet

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))


class TestLinks:
    @pytest.fixture
    def site(self, tmp_path):
        (tmp_path / "sub").mkdir()
        (tmp_path / "index.html").write_text('<h1 id="top"><a href="sub/page.html#part">x</a>')
        (tmp_path / "sub" / "page.html").write_text(
            '<p id="part"><a href="../index.html#top">x</a><a href="https://docs.example/">x</a>'
            '<a href="#part">x</a><a href="../index.html#:~:text=words">x</a>'
        )
        return tmp_path

    def test_a_whole_site_has_none_broken(self, site):
        assert links.broken(site) == []

    @pytest.mark.parametrize("target", ["no.html", "../index.html#no", "#no", "../no/"])
    def test_broken_ones_are_found(self, site, target):
        page = site / "sub" / "page.html"
        page.write_text(page.read_text() + f'<a href="{target}">x</a>')
        assert links.broken(site) == [("sub/page.html", target)]


class TestReference:
    def test_lists_every_export(self):
        pages = reference.pages()
        for module, name, _ in reference.public_objects():
            assert f"\n   {name}\n" in pages[f"module_{module}"] + "\n"
        assert {f"module_{name}" for name in reference.public_modules()} == set(pages) - {"index"}

    def test_writes_only_what_changed(self, tmp_path):
        reference.write(tmp_path / "api")
        page = tmp_path / "api" / "index.rst"
        before = page.stat().st_mtime_ns
        reference.write(tmp_path / "api")
        assert page.stat().st_mtime_ns == before


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_keep_the_style_of_the_gallery(example):
    text = example.read_text()
    heading = text.splitlines()[1:4]
    title = next(line for line in heading if line.strip("="))
    bars = [line for line in heading if line and not line.strip("=")]
    assert bars
    assert all(len(bar) == len(title) for bar in bars)
    assert "ArgumentParser(allow_abbrev=False)" in text
    before = text[: text.index("ArgumentParser(")]
    assert before.count("\n# %%\n") >= 1
    assert "parse_known_args()" in text
    assert '"--quick"' in text
    assert '"--output"' in text
    assert not re.search(r"print\(.*arguments\.output", text)
    assert text.count("\n# %%\n") >= 3


def test_the_checks_run_each_example():
    assert "python .ci/examples.py" in (ROOT / ".ci" / "run").read_text()
    assert '.glob("plot_*.py")' in (ROOT / ".ci" / "examples.py").read_text()


def test_the_gallery_shows_each_example_once():
    page = (ROOT / "docs" / "gallery.rst").read_text()
    names = sorted(path.stem for path in EXAMPLES)
    assert sorted(re.findall(r"\.\./examples/(\w+)\.py", page)) == names
    assert sorted(re.findall(r"auto_examples/(\w+)", page)) == names


def test_the_guide_shows_each_page():
    folder = ROOT / "docs" / "guide"
    index = (folder / "index.md").read_text()
    names = sorted(page.stem for page in folder.glob("*.md") if page.stem != "index")
    assert sorted(re.findall(r"^:link: (\w+)$", index, re.M)) == names
    assert sorted(index.rpartition(":hidden:")[2].strip("`\n ").split()) == names
    assert index.count(":img-bottom:") + index.count(".. plot::") == len(names)


def test_what_the_docs_extra_lacks_is_not_shown():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    brought = {re.split(r"[\[>]", line)[0] for line in extras["optional-dependencies"]["docs"]}
    brought |= {"sktensornet", "matplotlib", "numpy", "scipy", "sklearn", "joblib"}
    tops = set()
    for example in EXAMPLES:
        for node in ast.parse(example.read_text()).body:
            if isinstance(node, ast.Import):
                tops |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                tops.add(node.module.partition(".")[0])
    assert tops - set(sys.stdlib_module_names) - brought == set()


class TestInventories:
    def test_names_are_those_of_the_packages(self):
        for entry in inventories.data().values():
            for place, names in entry["objects"].items():
                kind = place.partition(" ")[0]
                for name in names if kind != "term" else ():
                    assert pydoc.locate(
                        name if "." in name else f"builtins.{name}"
                    ) is not None or (name == "None"), name

    def test_have_all_that_pages_name(self):
        role = r"\{(?:class|func|mod|exc)\}`(?:[^`]*<)?((?:sklearn|numpy|pandas|tensorly)\.[\w.]+)"
        pages = [page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts]
        named = {name for page in pages for name in re.findall(role, page.read_text())}
        places = [entry["objects"].values() for entry in inventories.data().values()]
        assert len(named) >= 3
        assert named <= {name for lists in places for names in lists for name in names}

    def test_are_in_the_format_of_sphinx(self, tmp_path):
        mapping = inventories.write(tmp_path)
        root, path = mapping["numpy"]
        *header, body = Path(path).read_bytes().split(b"\n", 4)
        assert header[0] == b"# Sphinx inventory version 2"
        line = "numpy.ndarray py:class 1 reference/generated/numpy.ndarray.html#numpy.ndarray -"
        assert line in zlib.decompress(body).decode().splitlines()
        assert root == "https://numpy.org/doc/stable/"


def test_the_citation_has_the_version():
    said = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert said.group(1) == sktensornet.__version__.partition(".dev")[0]


def test_the_readme_says_how_to_build():
    command = re.search(r"^python -m pip install .*docs.*$", (ROOT / "README.md").read_text(), re.M)
    assert command is not None
    assert command.group() in (ROOT / "docs" / "internals" / "index.md").read_text()
