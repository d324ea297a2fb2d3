"""The classifiers with sweeping solvers."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, load_wine, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet.feature_maps import (
    AffineMap,
    PCAMap,
    PolynomialMap,
    QuantileMap,
    SplineMap,
    TrigonometricMap,
)
from sktensornet.patches import ImagePatches
from sktensornet.solvers import ALS, LBFGS, Adam

FORMATS = [TTClassifier, HTClassifier, CPClassifier]
FIXED = SplineMap(scale=1.0)
"""Of a free scale alpha is not the only choice, which is what none of these is about."""
each_format = pytest.mark.parametrize("Format", FORMATS, ids=lambda Format: Format.__name__)
unfinished = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=0.25, stratify=y, random_state=1)


@each_format
@pytest.mark.parametrize(
    ("loss", "class_tensors"),
    [
        ("log_loss", "joint"),
        ("log_loss", "separate"),
        ("squared_error", "separate"),
        ("squared_hinge", "joint"),
    ],
)
def test_learns_interactions(Format, loss, class_tensors):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 4))
    y = (X[:, 0] * X[:, 3] > 0).astype(int) + 2 * (X[:, 1] > 0)
    clf = Format(
        rank=12,
        solver="als",
        loss=loss,
        class_tensors=class_tensors,
        feature_map=PolynomialMap(scale=1.0),
        alpha=1e-3,
        tol=1e-3,
        random_state=0,
    )
    clf.fit(X[:400], y[:400])
    assert clf.score(X[400:], y[400:]) > 0.85
    assert clf.network_.batched == (class_tensors == "separate")


@unfinished
@pytest.mark.parametrize(
    ("Format", "rank", "m"), [(TTClassifier, 8, 8), (HTClassifier, 8, 10), (CPClassifier, 64, 10)]
)
def test_digits_in_two_sweeps(Format, rank, m, digits):
    X, X_test, y, y_test = digits
    clf = Format(
        rank=rank,
        patches=ImagePatches((8, 8), (4, 4), stride=2),
        feature_map=PCAMap(m),
        solver="als",
        loss="squared_error",
        alpha=1e-3,
        max_iter=2,
        random_state=0,
    )
    assert clf.fit(X, y).score(X_test, y_test) > 0.975


def test_patches_get_a_fixed_map(digits):
    X, _, y, _ = digits
    clf = TTClassifier(rank=3, patches=ImagePatches((8, 8), (4, 4)), solver="als", max_iter=1)
    with pytest.warns(ConvergenceWarning):
        clf.fit(X[:200], y[:200])
    assert type(clf.feature_map_).__name__ == "FittedPCAMap"
    assert not clf.feature_map_.parameters


@unfinished
@each_format
def test_records_of_the_sweeps(Format, wine):
    clf = Format(
        rank=6,
        solver="als",
        loss="squared_error",
        feature_map=PolynomialMap(scale=1.0),
        alpha=1e-2,
        max_iter=3,
        tol=0.0,
        random_state=0,
    ).fit(*wine)
    assert len(clf.sweeps_) == clf.n_iter_ >= 2
    assert [record.objective for record in clf.sweeps_] == clf.loss_curve_
    for record in clf.sweeps_:
        assert len(record.ranks) == len(clf.network_.ranks)
        assert record.truncation_loss >= 0
        assert all(np.all(np.diff(values) <= 0) for values in record.spectra)
    assert clf.fit(*wine).set_params(solver="lbfgs", max_iter=2).fit(*wine).sweeps_ is None


@unfinished
def test_two_site_sweeps_adapt_the_ranks(wine):
    def ranks(tolerance):
        solver = ALS(sweep="two_site", rank_tol=tolerance)
        clf = TTClassifier(
            rank=10,
            solver=solver,
            loss="squared_error",
            feature_map=FIXED,
            alpha=1e-3,
            max_iter=2,
        )
        return clf.fit(*wine).network_.ranks

    loose, tight = ranks(0.3), ranks(0.01)
    assert sum(loose) < sum(tight)
    assert max(tight) <= 10


@unfinished
@each_format
def test_warm_start_goes_on(Format, wine):
    clf = Format(rank=4, solver="als", loss="squared_error", max_iter=1, tol=0.0, random_state=0)
    clf.set_params(warm_start=True, class_tensors="separate", feature_map=FIXED, alpha=1e-3).fit(
        *wine
    )
    first = clf.loss_curve_[-1]
    assert clf.fit(*wine).loss_curve_[-1] < first


@unfinished
def test_warm_start_across_solvers_keeps_adapted_ranks(wine):
    solver = ALS(sweep="two_site", rank_tol=0.2)
    clf = TTClassifier(rank=10, feature_map=FIXED, alpha=1e-3, solver=solver, max_iter=2)
    clf.set_params(warm_start=True).fit(*wine)
    ranks = clf.network_.ranks
    clf.set_params(solver=LBFGS(), max_iter=2).fit(*wine)
    assert clf.network_.ranks == ranks


@unfinished
def test_early_stopping_keeps_the_best_sweep():
    """Labels that are mostly noise are soon learnt by heart."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((100, 6))
    y = (X[:, 0] + X[:, 1] + rng.standard_normal(100) > 0).astype(int)
    clf = TTClassifier(
        rank=6,
        solver="als",
        loss="squared_error",
        feature_map=PolynomialMap(scale=1.0),
        alpha=1e-4,
        early_stopping=True,
        validation_fraction=0.4,
        n_iter_no_change=4,
        max_iter=6,
        tol=0.0,
        random_state=0,
    ).fit(X, y)
    _, held = train_test_split(np.arange(100), test_size=0.4, stratify=y, random_state=0)
    scores = clf.validation_scores_
    assert len(scores) == clf.n_iter_ == 5
    assert clf.score(X[held], y[held]) == scores[0] == max(scores) > scores[-1]


@unfinished
@each_format
def test_same_seed_and_any_number_of_threads_give_the_same_bits(Format, digits):
    X, X_test, y, _ = digits
    clf = Format(
        rank=12,
        feature_map=TrigonometricMap(0.25),
        alpha=1e-3,
        solver="als",
        max_iter=1,
        random_state=3,
    )
    X, y, X_test = X[:600, 20:36], y[:600], X_test[:, 20:36]
    one = clf.set_params(n_jobs=1).fit(X, y).decision_function(X_test)
    two = clf.set_params(n_jobs=2).fit(X, y).decision_function(X_test)
    np.testing.assert_array_equal(one, two)


@unfinished
@pytest.mark.parametrize(
    ("Format", "loss"),
    [
        (TTClassifier, "log_loss"),
        (TTClassifier, "squared_hinge"),
        (HTClassifier, "squared_error"),
        (CPClassifier, "log_loss"),
        (CPClassifier, "squared_hinge"),
    ],
)
def test_float32_stays_and_agrees(Format, loss, wine):
    X, y = wine
    clf = Format(rank=8, feature_map=FIXED, alpha=1e-2, max_iter=1, random_state=0)
    clf.set_params(solver="als", loss=loss)
    double = clf.fit(X, y).decision_function(X)
    single = clf.fit(X.astype(np.float32), y).decision_function(X)
    assert clf.network_.dtype == single.dtype == np.float32
    assert np.mean((single > 0) == (double > 0)) > 0.95


@unfinished
@each_format
def test_extreme_columns(Format):
    X, y = make_classification(150, 9, n_informative=6, n_classes=3, random_state=0)
    X[:, 3] = 7.0
    X[:, 4] = X[:, 5]
    X[:, 6] *= 1e12
    X[:10, 7] = 1e300
    for alpha in (0.0, 1e-4):
        clf = Format(rank=8, feature_map=FIXED, alpha=alpha, max_iter=2, random_state=0)
        clf.set_params(solver="als").fit(X, y)
        assert np.isfinite(clf.decision_function(X)).all()
        assert clf.score(X, y) > 0.8


@unfinished
@pytest.mark.parametrize(
    ("Format", "loss", "feature_map"),
    [
        (TTClassifier, "log_loss", PolynomialMap(scale=1.0)),
        (HTClassifier, "squared_error", TrigonometricMap(0.1)),
        (CPClassifier, "log_loss", TrigonometricMap(0.1)),
    ],
)
def test_hundreds_of_sites(Format, loss, feature_map):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 300)).astype(np.float32)
    y = (X[:, :10].sum(axis=1) > 0).astype(int)
    clf = Format(
        rank=3,
        solver="als",
        loss=loss,
        feature_map=feature_map,
        alpha=1e-3,
        max_iter=1,
        random_state=0,
    ).fit(X, y)
    assert np.isfinite(clf.decision_function(X)).all()
    assert all(np.isfinite(core).all() for core in clf.network_.cores)
    assert clf.score(X, y) > 0.9


@unfinished
def test_little_memory_gives_the_same_network(wine):
    def fitted(memory):
        solver = ALS(memory=memory)
        clf = TTClassifier(rank=6, feature_map=FIXED, alpha=1e-3, max_iter=2, random_state=0)
        return clf.set_params(solver=solver).fit(*wine)

    for one, other in zip(fitted(1e-9).network_.cores, fitted(2.0).network_.cores, strict=True):
        np.testing.assert_array_equal(one, other)


@unfinished
def test_works_in_a_grid_search(wine):
    clf = TTClassifier(solver=ALS(), feature_map=FIXED, alpha=1e-2, max_iter=1)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), clf),
        {"ttclassifier__solver__rank_tol": [0.0, 0.1], "ttclassifier__rank": [2, 4]},
        cv=2,
    )
    assert search.fit(*wine).best_score_ > 0.8


def test_stops_when_a_sweep_gains_little():
    X, y = load_iris(return_X_y=True)
    clf = TTClassifier(solver="als", class_tensors="separate", tol=0.05, random_state=0).fit(X, y)
    gains = -np.diff(clf.loss_curve_)
    assert clf.n_iter_ < 20
    assert gains[-1] <= 0.05
    with pytest.warns(ConvergenceWarning, match=r"ALS stopped after max_iter=2 iterations"):
        clf.set_params(tol=0.0, max_iter=2).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"feature_map": AffineMap(4)}, r"AffineMap.*PCAMap"),
        ({"feature_map": "affine"}, r"AffineMap\(\).*PCAMap"),
        ({"penalty": "start"}, "penalty='start'"),
        ({"solver": ALS(sweep="three_site")}, "sweep='three_site'"),
        ({"solver": ALS(rank_tol=1.5)}, r"rank_tol=1\.5"),
        ({"solver": ALS(truncation="none")}, "truncation='none'"),
        ({"solver": ALS(class_leg="left")}, "class_leg='left'"),
        ({"solver": ALS(local_iter=0)}, "local_iter=0"),
        ({"solver": ALS(memory=-1)}, "memory=-1"),
    ],
)
def test_what_it_cannot_honour_raises(parameters, said, wine):
    with pytest.raises(ValueError, match=said):
        TTClassifier(**{"solver": "als"} | parameters).fit(*wine)


@pytest.mark.parametrize("solver", [ALS(sweep="two_site"), ALS(rank_tol=0.1)])
def test_cp_has_no_bonds(solver, wine):
    with pytest.raises(ValueError, match="CP network has no bonds"):
        CPClassifier(solver=solver).fit(*wine)


def test_takes_no_batches(wine):
    with pytest.raises(AttributeError, match="partial_fit"):
        TTClassifier(solver="als").partial_fit(*wine)
    assert hasattr(TTClassifier(solver=Adam()), "partial_fit")


@pytest.mark.parametrize(
    ("Format", "n_columns", "n_classes", "steps"),
    [
        (TTClassifier, 10, 2, 4),
        (TTClassifier, 11, 2, 2),
        (CPClassifier, 30, 7, 2),
        (CPClassifier, 30, 8, 4),
        (TTRegressor, 30, 2, 4),
    ],
)
def test_auto_takes_fewer_steps_for_many_columns(Format, n_columns, n_classes, steps, monkeypatch):
    taken = set()
    solve = ALS.solve
    monkeypatch.setattr(
        ALS, "solve", lambda self, local: (taken.add(self.local_iter), solve(self, local))[1]
    )
    X = np.random.default_rng(0).standard_normal((40, n_columns))
    Format(rank=8, feature_map=FIXED, alpha=1.0, tol=1.0).fit(X, np.arange(40) % n_classes)
    assert taken == {steps}


CASES = [
    ("HT", "quantile", "linear", 1e-3, 30, 3),
    ("HT", "quantile", "linear", 1e-6, 30, 3),
    ("TT", "polynomial", "linear", 1e-3, 30, 3),
    ("TT", "spline", "identity", 1e-3, 100, 8),
    ("HT", "spline", "interactions", 1e-6, 100, 8),
    ("HT", "spline", "moments", 1e-6, 100, 8),
    ("CP", "polynomial", "interactions", 1e-3, 30, 3),
    ("CP", "quantile", "linear", 1e-6, 100, 8),
]


@unfinished
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_last_bit_does_not_decide(case):
    """Weights that differ by rounding give the same model: unused directions are not noise."""
    format_, name, init, alpha, n, rank = case
    Format = {"TT": TTRegressor, "HT": HTRegressor, "CP": CPRegressor}[format_]
    maps = {"quantile": QuantileMap, "spline": SplineMap, "polynomial": PolynomialMap}
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 5))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * rng.standard_normal(n)
    weight = 1.0 + rng.integers(0, 2, n)
    nearly = weight * (1 + 1e-15 * rng.standard_normal(n))
    reg = Format(
        rank=rank, feature_map=maps[name](scale=1.0), init=init, alpha=alpha, solver="als",
        max_iter=20, random_state=0,
    )  # fmt: skip
    one = clone(reg).fit(X, y, sample_weight=weight).predict(X)
    other = clone(reg).fit(X, y, sample_weight=nearly).predict(X)
    np.testing.assert_allclose(other, one, atol=1e-6 * y.std())
