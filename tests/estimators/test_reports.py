"""Lines and bars that show the loss of a fit."""

import io
import sys

import numpy as np
import pytest
from rich import get_console, reconfigure
from sklearn.model_selection import GridSearchCV

from sktensornet import CPRegressor, HTClassifier, TTClassifier, TTRegressor
from sktensornet.callbacks import LossLog, LossProgressBar
from sktensornet.feature_maps import PolynomialMap

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SHORT = {"rank": 2, "alpha": 0.01, "feature_map": PolynomialMap(scale=1.0), "random_state": 0}


def table(n=40):
    X = np.random.default_rng(0).normal(size=(n, 3))
    return X, X[:, 0] + X[:, 1] * X[:, 2]


class TestLines:
    @pytest.mark.parametrize(
        ("solver", "word"), [("als", "sweep"), ("adam", "epoch"), ("lbfgs", "iteration")]
    )
    def test_each_iteration_has_one_with_its_loss(self, solver, word, capsys):
        X, y = table()
        model = TTRegressor(**SHORT, solver=solver, max_iter=3, tol=0, verbose=1).fit(X, y)
        assert capsys.readouterr().out.splitlines() == [
            f"TTRegressor, {word} {n} of 3: loss {loss:.6g}"
            for n, loss in enumerate(model.loss_curve_, start=1)
        ]

    @pytest.mark.parametrize(("verbose", "shown"), [(0, []), (2, [2, 4, 5]), (9, [5])])
    def test_every_so_many_and_the_last(self, verbose, shown, capsys):
        X, y = table()
        CPRegressor(**SHORT, solver="adam", max_iter=5, verbose=verbose).fit(X, y)
        lines = capsys.readouterr().out.splitlines()
        assert [line.partition(":")[0] for line in lines] == [
            f"CPRegressor, epoch {n} of 5" for n in shown
        ]

    def test_the_callback_says_the_same_with_the_validation_score(self, capsys):
        X, y = table()
        model = HTClassifier(**SHORT, solver="adam", max_iter=2, early_stopping=True)
        model.set_callbacks(LossLog()).fit(X, y > 0)
        said = capsys.readouterr().out
        assert said.endswith(f"validation score {model.validation_scores_[-1]:.4f}\n")
        model.set_callbacks().set_params(verbose=1).fit(X, y > 0)
        assert capsys.readouterr().out == said
        assert not hasattr(model, "_skl_callbacks")

    @pytest.mark.parametrize("verbose", [-1, "yes", 0.5])
    def test_what_is_no_number_of_iterations_is_refused(self, verbose):
        X, y = table()
        with pytest.raises(ValueError, match="verbose"):
            TTRegressor(verbose=verbose).fit(X, y)
        with pytest.raises((ValueError, TypeError), match="every"):
            LossLog(verbose)


class TestBar:
    @pytest.fixture
    def screen(self):
        before = get_console().__dict__.copy()
        screen = io.StringIO()
        reconfigure(file=screen, width=200)
        yield screen
        get_console().__dict__ = before

    def test_of_a_fit_shows_the_last_loss(self, screen):
        X, y = table()
        model = TTClassifier(**SHORT, solver="adam", max_iter=3)
        model.set_callbacks(LossProgressBar()).fit(X, y > 0)
        line = next(line for line in screen.getvalue().splitlines() if "TTClassifier" in line)
        assert f"fit, loss {model.loss_curve_[-1]:.6g} " in line
        assert "100%" in line
        assert line.count("loss") == 1

    def test_of_a_search_shows_that_of_each_fit(self, screen):
        X, y = table()
        search = GridSearchCV(TTRegressor(**SHORT, max_iter=2), {"rank": [1, 2]}, cv=2)
        search.set_callbacks(LossProgressBar()).fit(X, y)
        last = screen.getvalue().splitlines()[-8:]
        assert [("loss" in line) for line in last if "TTRegressor - fit" in line] == [True] * 5
        assert not any("loss" in line for line in last if "TTRegressor" not in line)

    def test_without_rich_says_what_brings_it(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "rich", None)
        with pytest.raises(ImportError, match=r"LossProgressBar needs .* rich, .*'\.\[progress\]'"):
            LossProgressBar()
