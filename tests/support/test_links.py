"""Estimators link to the documentation where the user says it is, and nowhere else."""

import pytest
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr

from sktensornet import HTRegressor, TTClassifier
from sktensornet._support._documentation_links import DOCS_VARIABLE
from sktensornet.feature_maps import SplineMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import ALS

PARTS = [
    (TTClassifier(), "sktensornet.TTClassifier"),
    (HTRegressor(), "sktensornet.HTRegressor"),
    (SplineMap(), "sktensornet.feature_maps.SplineMap"),
    (ImagePatches((8, 8), (4, 4)), "sktensornet.patches.ImagePatches"),
    (ALS(), "sktensornet.solvers.ALS"),
]
each_part = pytest.mark.parametrize(("part", "page"), PARTS, ids=[page for _, page in PARTS])


@each_part
@pytest.mark.parametrize("root", ["https://docs.example/latest", "../", "{odd}/"])
def test_links_below_the_root(monkeypatch, part, page, root):
    monkeypatch.setenv(DOCS_VARIABLE, root)
    link = f"{root.rstrip('/')}/api/generated/{page}.html"
    assert part._get_doc_link() == link
    assert link in estimator_html_repr(part)


@each_part
@pytest.mark.parametrize("root", [None, ""])
def test_no_link_without_a_root(monkeypatch, part, page, root):
    monkeypatch.delenv(DOCS_VARIABLE, raising=False)
    if root is not None:
        monkeypatch.setenv(DOCS_VARIABLE, root)
    assert part._get_doc_link() == ""
    assert "generated" not in estimator_html_repr(part)


def test_parameters_link_to_their_description(monkeypatch):
    monkeypatch.setenv(DOCS_VARIABLE, "..")
    shown = estimator_html_repr(make_pipeline(TTClassifier()))
    assert "../api/generated/sktensornet.TTClassifier.html#:~:text=rank" in shown


def test_a_class_of_someone_else_has_no_page(monkeypatch):
    monkeypatch.setenv(DOCS_VARIABLE, "..")

    class Mine(TTClassifier):
        pass

    assert Mine()._get_doc_link() == ""
