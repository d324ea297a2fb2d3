"""Random estimators on hostile data: a clear error, or a model no worse than a constant."""

import os
import re
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_gamma_deviance, mean_poisson_deviance

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet.feature_maps import FourierMap, PolynomialMap, SplineMap
from sktensornet.solvers import ALS, Adam

N_CASES = int(os.environ.get("SKTENSORNET_FUZZ", 200))
"""Cases of a run; set the variable to run thousands."""
N_PARTS = 20
MARGIN = 0.05
"""By how much the score on the training rows may be below that of a constant."""

FORMATS = [TTClassifier, HTClassifier, CPClassifier, TTRegressor, HTRegressor, CPRegressor]
PARAMETERS = {
    "rank": [1, 2, 3],
    "feature_map": [
        "auto", "auto", "polynomial", "spline", "quantile", "fourier", "trigonometric", "affine",
        "one_hot", PolynomialMap(degree=3), SplineMap(n_knots=3, degree=2),
        FourierMap(n_frequencies=2),
    ],
    "alpha": ["auto", 1e-4, 1e-4, 0.0, 1e-2, 10.0],
    "penalty": ["frobenius", "frobenius", "frobenius", "start"],
    "solver": ["auto", "auto", "als", "lbfgs", "adam", ALS(sweep="two_site"), Adam(batch_size=4)],
    "init": ["identity", "identity", "linear", "moments", "interactions"],
    "product": ["multiply", "multiply", "multiply", "multiply", "max"],
    "early_stopping": [False, False, False, True],
    "max_iter": [None, 3, 10],
    "n_jobs": [1],
}  # fmt: skip
CLASSIFIER = {
    "loss": ["log_loss", "log_loss", "squared_error", "squared_hinge"],
    "class_tensors": ["joint", "separate"],
    "class_weight": [None, None, "balanced"],
}
REGRESSOR = {
    "loss": ["squared_error", "squared_error", "huber", "poisson"],
    "output_tensors": ["joint", "separate"],
}
INTERNAL = re.compile(
    r"broadcast|out of bounds|need at least one array|size \d+ is different|converge|"
    r"unpack|must not contain infs|singular|empty sequence|NoneType|not aligned|at the start"
)
"""What an error says that was met somewhere inside."""


def one_of(rng, options):
    return {name: values[rng.integers(len(values))] for name, values in options.items()}


def columns(rng, n, d):
    """A table of numbers in which something may be wrong."""
    X = rng.normal(size=(n, d))
    kind = rng.choice(
        ["plain", "constant", "huge", "tiny", "subnormal", "offset", "gaps", "empty", "outlier",
         "whole", "copies", "steps", "largest"]
    )  # fmt: skip
    k = int(rng.integers(d))
    if kind == "constant":
        X[:, k] = rng.choice([0.0, 1e6, 1 / 3])
    elif kind in ("huge", "tiny"):
        X[:, k] *= {"huge": 1e30, "tiny": 1e-30}[kind]
    elif kind == "subnormal":
        X[:, k] *= 1e-310
    elif kind == "offset":
        X[:, k] += 1e9
    elif kind == "gaps":
        X[rng.random(X.shape) < 0.3] = np.nan
    elif kind == "empty":
        X[:, k] = np.nan
    elif kind == "outlier":
        X[0, k] = 1e12
    elif kind == "whole":
        X = np.round(X)
    elif kind == "copies":
        X[:] = X[rng.integers(3, size=n)]
    elif kind == "steps":
        X = (X > 0).astype(float)
    elif kind == "largest":
        X[0, k], X[1, k] = 1e308, -1e308
    return X, kind


def case(seed):
    """An estimator, X, y, weights, and a text that says what they are."""
    rng = np.random.default_rng(seed)
    Format = FORMATS[rng.integers(len(FORMATS))]
    is_classifier = "Classifier" in Format.__name__
    form = rng.choice(["array", "float32", "frame", "words"])
    huge, weight = 1e30 if form == "float32" else 1e200, None
    n, d = int(rng.choice([3, 8, 20, 40])), int(rng.integers(1, 5))
    X, kind = columns(rng, n, d)
    known = np.nan_to_num(np.clip(X, -3, 3))
    y = known[:, 0] + known[:, -1] * known[:, d // 2] + 0.1 * rng.normal(size=n)
    parameters = one_of(rng, PARAMETERS) | one_of(rng, CLASSIFIER if is_classifier else REGRESSOR)
    if is_classifier:
        n_classes = int(rng.integers(2, 5))
        y = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
        y = y if rng.random() < 0.7 else np.array(list("abcd"))[y]
        told = "labels"
    else:
        told = rng.choice(["plain", "constant", "several", "huge", "tiny"])
        others = {"poisson": "gamma", "squared_error": "absolute_error"}
        if seed % 2:
            parameters["loss"] = others.get(parameters["loss"], parameters["loss"])
        if parameters["loss"] in ("poisson", "gamma"):
            # Counts have no unit, and the penalty pulls them towards one.
            y, told = np.abs(y) + 1e-3, rng.choice(["plain", "constant", "several"])
            parameters["alpha"] = 1e-4
        y = {
            "plain": y, "constant": np.full(n, 2.0), "huge": huge * y, "tiny": y / huge,
            "several": np.stack([y, y**2], axis=1),
        }[told]  # fmt: skip
    if rng.random() < 0.3:
        weight = rng.choice([0.0, 1.0, 1.0, 1e-8, 1e8], size=n)
        weight[0] = 1.0
    if form == "float32":
        X = np.clip(X, -1e38, 1e38).astype(np.float32)
    elif form != "array":
        X = pd.DataFrame(X, columns=[f"x{k}" for k in range(d)])
    if form == "words":
        X["word"] = np.array(["u", "v", "w"])[rng.integers(3, size=n)]
    said = f"{Format.__name__}({parameters}), n={n}, d={d}, X {kind} {form}, y {told}"
    return Format(random_state=seed, **parameters), X, y, weight, said


def score_of(model, X, y, weight):
    """Accuracy or R2 on the training rows, and that of a constant; no unit overflows."""
    weight = np.ones(len(X)) if weight is None else weight
    if hasattr(model, "classes_"):
        counts = [weight[y == label].sum() for label in model.classes_]
        right = np.average(model.predict(X) == y, weights=weight)
        return right, (min if model.class_weight else max)(counts) / weight.sum()
    unit = np.abs(y).max()
    predicted, y = (np.asarray(v / unit, float).reshape(len(X), -1) for v in (model.predict(X), y))
    if model.loss in ("poisson", "gamma"):
        # What was minimised: of few rows a lower deviance can go with a larger squared error.
        least, mean = np.finfo(np.float32).tiny, np.average(y, axis=0, weights=weight)
        both = np.maximum(predicted, least), np.broadcast_to(mean, y.shape)
        deviance = {"poisson": mean_poisson_deviance, "gamma": mean_gamma_deviance}[model.loss]
        of = partial(deviance, sample_weight=weight)
        own, constant = (np.mean([*map(of, y.T, some.T)]) for some in both)
        # One row may outweigh all others.
        return 1 - own / constant if constant > 1e-6 else 0.0, 0.0
    if model.loss == "absolute_error":
        middle = [np.quantile(v, 0.5, weights=weight, method="inverted_cdf") for v in y.T]
        own, constant = (
            np.average(abs(v - y), axis=0, weights=weight) for v in (predicted, middle)
        )
        return 1 - (own / np.where(constant > 1e-10, constant, 1.0)).mean(), 0.0
    error = np.average((predicted - y) ** 2, axis=0, weights=weight)
    spread = np.average((y - np.average(y, axis=0, weights=weight)) ** 2, axis=0, weights=weight)
    return 1 - (error / np.where(spread > 1e-20, spread, 1.0)).mean(), 0.0


def judge(seed):
    """What is wrong with a case; None if nothing is."""
    model, X, y, weight, said = case(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always", ConvergenceWarning)
                model.fit(X, y, sample_weight=weight)
        except (ValueError, TypeError) as error:
            if INTERNAL.search(str(error)) or len(str(error)) < 30:
                return f"{seed}: {type(error).__name__}: {error}\n    {said}"
            return None
        except Exception as error:
            return f"{seed}: {type(error).__name__}: {error}\n    {said}"
        try:
            # Held-out rows may prefer another model, a warning says what is not done, and
            # Adam ends with its schedule, wherever it then is.
            adam = model.solver == "adam" or isinstance(model.solver, Adam)
            scores = not (told or model.early_stopping or adam)
            return verdict(model, X, y, weight, scores, f"{seed}: ", said)
        except Exception as error:
            return f"{seed}: predict raises {type(error).__name__}: {error}\n    {said}"


def verdict(model, X, y, weight, scores, seed, said):
    for name in ("predict", "decision_function", "predict_proba"):
        answer = getattr(model, name)(X) if hasattr(model, name) else np.zeros(1)
        if answer.dtype.kind == "f" and not np.isfinite(answer).all():
            return f"{seed}{name} is not finite\n    {said}"
        total = answer.sum(axis=1) if name == "predict_proba" and answer.ndim == 2 else 1.0
        if not np.allclose(total, 1, rtol=0, atol=1e-5):
            return f"{seed}probabilities do not sum to one\n    {said}"
    own, constant = score_of(model, X, y, weight) if scores else (0, 0)
    if not own >= constant - MARGIN:
        return f"{seed}score {own:.3g}, that of a constant {constant:.3g}\n    {said}"
    return None


@pytest.mark.parametrize("part", range(N_PARTS))
def test_fuzz(part):
    seeds = range(part, N_CASES, N_PARTS)
    found = [text for text in map(judge, seeds) if text]
    assert not found, "\n" + "\n".join(found)
