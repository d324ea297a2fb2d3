"""The tools that build the site, and what ties it to the rest of the project."""

import re
from pathlib import Path

import links
import pytest
import reference

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
    assert "parse_known_args()" in text
    assert '"--quick"' in text
    assert '"--output"' in text
    assert text.count("\n# %%\n") >= 3
    assert re.search(rf"\b{example.stem}\b", (ROOT / ".ci" / "run").read_text())


def test_the_readme_says_how_to_build():
    command = re.search(r"^python -m pip install .*docs.*$", (ROOT / "README.md").read_text(), re.M)
    assert command is not None
    assert command.group() in (ROOT / "docs" / "internals" / "index.md").read_text()
