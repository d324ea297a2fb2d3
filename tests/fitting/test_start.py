"""Where the classifiers start."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine, make_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from sktensornet import CPClassifier, HTClassifier, TTClassifier, TTRegressor
from sktensornet._data._columns import learn_columns
from sktensornet._data._samples import Samples
from sktensornet._fitting import _fit
from sktensornet._fitting._plan import plan_fit
from sktensornet._fitting._start import INITS, make_start
from sktensornet.feature_maps import PolynomialMap, TrigonometricMap
from sktensornet.networks import from_tensorly, tensor_train, to_tensorly
from sktensornet.solvers import Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FORMATS = [TTClassifier, HTClassifier, CPClassifier]
each_format = pytest.mark.parametrize("Format", FORMATS, ids=lambda Format: Format.__name__)
each_class_tensors = pytest.mark.parametrize("class_tensors", ["joint", "separate"])


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


def start_scores(clf, X, y, noise=0, weight=None):
    """Scores at the start of a classifier."""
    rs = np.random.RandomState(noise)
    weight = np.ones(len(X)) if weight is None else weight
    targets = clf._learn(y, weight, None)
    samples = Samples.weighted(X, targets.encode(y), weight)
    columns = learn_columns(X, None)
    model = plan_fit(clf, clf._tree, columns, targets, samples, rs).model
    make = make_start(clf.init, model, targets, samples, clf.alpha, rs)
    return model.scores(make(rs), X, 1), model.scores(make(None), X, 1)


@each_format
@pytest.mark.parametrize(("class_tensors", "n_classes"), [("joint", 3), ("separate", 2)])
def test_linear_start_is_the_logistic_regression(Format, class_tensors, n_classes, wine):
    X, y = wine
    X, y = X[y < n_classes], y[y < n_classes]
    clf = Format(
        rank=20, class_tensors=class_tensors, init="linear", alpha=1e-2, feature_map="polynomial"
    )
    scores, plain = start_scores(clf, X, y)
    design = StandardScaler().fit_transform(X).clip(-4, 4)
    linear = LogisticRegression(C=1 / (1e-2 * len(X)), max_iter=500).fit(design, y)
    expected = linear.decision_function(design).reshape(len(X), -1)
    np.testing.assert_allclose(scores, expected, atol=1e-2)
    np.testing.assert_allclose(scores, plain, atol=1e-9)


@each_format
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_linear_start_is_the_ridge_regression(Format, loss, wine):
    X, y = wine
    weight = np.linspace(0.5, 2, len(X))
    clf = Format(rank=20, init="linear", loss=loss, alpha=1e-1, feature_map="polynomial")
    scores, _ = start_scores(clf, X, y, weight=weight)
    mean = np.average(X, axis=0, weights=weight)
    deviation = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    design = ((X - mean) / deviation).clip(-4, 4)
    targets = 2.0 * (y[:, None] == np.unique(y)) - 1
    ridge = Ridge(alpha=0.1 * weight.sum()).fit(design, targets, sample_weight=weight)
    np.testing.assert_allclose(scores, ridge.predict(design), atol=1e-6)


@pytest.mark.parametrize(
    ("clf", "needed"),
    [
        # The weights of the classes sum to zero, which saves one channel.
        (TTClassifier(rank=2), "rank >= 3"),
        (HTClassifier(rank=2), "rank >= 3"),
        (CPClassifier(rank=13), "rank >= 14"),
        (TTClassifier(rank=1, class_tensors="separate"), "rank >= 2"),
    ],
)
@pytest.mark.filterwarnings("ignore:rank")
def test_linear_start_says_the_rank_it_needs(clf, needed, wine):
    with pytest.raises(ValueError, match=needed):
        clf.set_params(init="linear", feature_map="polynomial", alpha=1e-4).fit(*wine)
    rank = int(needed.split()[-1])
    start_scores(clf.set_params(rank=rank), *wine)


@pytest.mark.parametrize(
    ("Format", "solver"),
    [
        (TTClassifier, Adam(learning_rate=1e-2)),
        (HTClassifier, "lbfgs"),
        (CPClassifier, "als"),
        (TTClassifier, "als"),
    ],
    ids=str,
)
def test_training_goes_on_from_a_linear_start(Format, solver):
    X, y = make_classification(300, 6, n_informative=5, n_redundant=0, random_state=0)
    y = y ^ (X[:, 0] * X[:, 1] > 0)
    feature_map = PolynomialMap(scale=1.0)
    clf = Format(12, init="linear", feature_map=feature_map, alpha=1e-3, random_state=0)
    clf.set_params(solver=solver, max_iter=3 if solver == "als" else 40).fit(X, y)
    linear = LogisticRegression().fit(X, y).score(X, y)
    assert clf.score(X, y) > linear + 0.05


@each_format
@each_class_tensors
def test_moment_start_knows_the_classes(Format, class_tensors, wine):
    X, y = wine
    clf = Format(
        rank=16,
        class_tensors=class_tensors,
        init="moments",
        feature_map=PolynomialMap(scale=0.3),
        alpha=1e-4,
    )
    scores, again = start_scores(clf, X, y)
    assert np.mean(scores.argmax(axis=1) == y) > (0.6 if Format is CPClassifier else 0.8)
    np.testing.assert_array_equal(scores, again)
    assert np.sqrt(np.mean(scores**2)) == pytest.approx(1, abs=0.05)


@each_format
def test_moment_start_is_exact_at_full_rank(Format):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 4)), np.arange(30) % 3
    feature_map = TrigonometricMap(0.3)
    clf = Format(rank=30, init="moments", feature_map=feature_map, alpha=1e-4)
    scores, _ = start_scores(clf, X, y)
    features = feature_map.fit(X, np.arange(4)[:, None], None, None).transform(X.T[:, :, None])
    kernel = np.multiply.reduce([feature @ feature.T for feature in features])
    moments = (y[:, None] == np.arange(3)) / 10 - 1 / 30
    expected = kernel @ moments
    expected /= np.sqrt(np.mean(expected**2))
    np.testing.assert_allclose(scores, expected, atol=1e-8)


@each_format
@pytest.mark.parametrize(("class_tensors", "solver"), [("joint", "lbfgs"), ("separate", "als")])
def test_starts_from_a_network(Format, class_tensors, solver, wine):
    X, y = wine
    clf = Format(
        rank=6,
        class_tensors=class_tensors,
        feature_map=PolynomialMap(scale=0.3),
        alpha=1e-2,
        solver="lbfgs",
        max_iter=3,
        random_state=0,
    )
    first = clone(clf).fit(X, y)
    network, loss = first.network_, first.loss_curve_[-1]
    second = clf.set_params(init=network, solver=solver).fit(X, y)
    assert second.network_.ranks == network.ranks
    assert second.loss_curve_[0] < loss * (1 + 1e-6)


def test_starts_from_tensorly(wine):
    X, y = wine
    clf = TTClassifier(rank=3, class_tensors="separate", alpha=1e-4, max_iter=3, random_state=0)
    clf.fit(X, y)
    tensors = [to_tensorly(clf.network_, index) for index in range(3)]
    network = from_tensorly(tensors, tree=tensor_train(13))
    again = TTClassifier(
        rank=3, class_tensors="separate", alpha=1e-4, init=network, max_iter=1
    ).fit(X, y)
    assert again.loss_curve_[0] <= clf.loss_curve_[-1] * (1 + 1e-6)


def test_a_network_that_does_not_fit_raises(wine):
    X, y = wine
    fixed = {"feature_map": PolynomialMap(scale=1.0), "alpha": 1e-3}
    network = TTClassifier(rank=3, max_iter=1, **fixed).fit(X, y).network_
    for clf, data in [
        (HTClassifier(init=network, **fixed), X),
        (TTClassifier(init=network, class_tensors="separate", **fixed), X),
        (TTClassifier(init=network, alpha=1e-3, feature_map=PolynomialMap(2, 0.3)), X),
        (TTClassifier(init=network, **fixed), X[:, 1:]),
    ]:
        with pytest.raises(ValueError, match=r"init=TensorNetwork\(TT.*does not fit"):
            clf.fit(data, y)
    with pytest.raises(ValueError, match="'init' parameter"):
        TTClassifier(init="random").fit(X, y)


@each_format
def test_partial_fit_from_every_start(Format, wine):
    X, y = wine[0][:, :6], wine[1]
    for init in ("identity", "linear", "moments", "interactions"):
        clf = Format(rank=8, init=init, solver=Adam(weight_decay=0.1), random_state=0)
        clf.set_params(feature_map="polynomial")
        for _ in range(3):
            clf.partial_fit(X, y, classes=np.unique(y))
        assert clf.score(X, y) > 0.3


def test_starts_are_found_once_and_not_where_a_fit_goes_on(wine, monkeypatch):
    X, y = wine[0][:, :4], wine[1]
    inits = []

    def counted(init, *arguments):
        inits.append(init)
        return make_start(init, *arguments)

    monkeypatch.setattr(_fit, "make_start", counted)
    for solver in ("adam", "als"):
        clf = TTClassifier(rank=4, init="linear", solver=solver, alpha=1e-3, max_iter=1)
        clf.set_params(feature_map=PolynomialMap(scale=1.0), random_state=0).fit(X, y)
    clf.set_params(warm_start=True).fit(X, y)
    assert len(inits) == 2
    clf.set_params(solver="adam")
    for _ in range(3):
        clf.partial_fit(X, y)
    assert len(inits) == 3


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_linear_start_of_a_batch_without_some_classes(loss, wine):
    X, y = wine
    for present in ([0], [0, 2]):
        rows = np.isin(y, present)
        clf = TTClassifier(rank=5, init="linear", loss=loss, solver="adam", random_state=0)
        clf.partial_fit(X[rows], y[rows], classes=np.unique(y))
        assert np.isfinite(clf.decision_function(X)).all()
        assert clf.score(X[rows], y[rows]) > 0.8


@each_format
@pytest.mark.parametrize(("class_tensors", "solver"), [("joint", "als"), ("separate", "lbfgs")])
def test_parities_are_learnt_from_their_interactions(Format, class_tensors, solver):
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 1.0], (600, 8))
    y = (X[:, [0, 2, 5, 7]].prod(axis=1) > 0) + 2 * (X[:, 1] > 0)
    clf = Format(
        rank=8,
        init="interactions",
        feature_map=PolynomialMap(scale=1.0),
        class_tensors=class_tensors,
        solver=solver,
        alpha=1e-2,
        max_iter=1,
        random_state=0,
    )
    assert clf.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.9


@pytest.mark.parametrize(
    ("feature_map", "message"),
    [
        ("trigonometric", 'init="interactions" needs a feature map with a constant'),
        ("affine", 'init="interactions" compares fixed features with the targets'),
    ],
)
def test_interactions_need_fixed_features_with_a_constant(feature_map, message, wine):
    clf = TTClassifier(init="interactions", feature_map=feature_map, solver="lbfgs")
    with pytest.raises(ValueError, match=message):
        clf.fit(*wine)


@each_format
@each_class_tensors
def test_moments_of_one_label_say_nothing(Format, class_tensors):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 3)), np.arange(60) % 2
    weight = np.where(y == 1, rng.random(60), 0.0)
    clf = Format(init="moments", class_tensors=class_tensors, alpha=1e-3, random_state=0)
    clf.set_params(feature_map=PolynomialMap(scale=1.0))
    assert (clf.fit(X, y, sample_weight=weight).predict(X) == 1).all()


@each_format
@pytest.mark.parametrize("init", [one for one in INITS if one != "orthogonal"])
@pytest.mark.parametrize("alpha", [1e-3, "auto"])
def test_a_sole_column_without_values(Format, init, alpha):
    X, y = np.full((30, 1), None, object), np.arange(30) % 3 > 0
    clf = Format(init=init, alpha=alpha, categorical_features=[0], random_state=0).fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X)[:, 1], 2 / 3, atol=0.05)


@pytest.mark.parametrize("init", [one for one in INITS if one != "orthogonal"])
@pytest.mark.parametrize("solver", ["als", "lbfgs"])
@pytest.mark.parametrize("size", [5e-324, 1e-310])
def test_columns_of_subnormal_spread_are_constant(init, solver, size):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 3)), rng.standard_normal(60)
    reg = TTRegressor(rank=2, init=init, solver=solver, alpha=1e-3, max_iter=20, random_state=0)
    predictions = reg.fit(X * size, y).predict(X * size)
    np.testing.assert_allclose(predictions, y.mean(), atol=0.05)


@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge"])
@pytest.mark.parametrize("penalty", ["frobenius", "start"])
@each_format
def test_moments_of_constant_columns_are_no_rounding_noise(Format, penalty, loss):
    X, y = np.ones((60, 4)), np.arange(60) % 5 < 3
    clf = Format(rank=3, loss=loss, penalty=penalty, init="moments", solver="lbfgs", alpha=1e-3)
    clf.set_params(random_state=0).fit(X, y)
    assert np.ptp(clf.decision_function(X)) < 1e-9
    assert clf.predict(X).all()
