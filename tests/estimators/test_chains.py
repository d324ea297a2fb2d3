"""Random chains of calls: an estimator is what its successful calls made of it."""

import io
import os
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sktensornet import CPClassifier, CPRegressor, HTClassifier, HTRegressor, TTClassifier

N_CHAINS = int(os.environ.get("SKTENSORNET_CHAINS", 3))
"""Chains for each kind; set the variable to run thousands."""
N_STEPS = 12


class Interrupt:
    """A callback that ends a fit after its first iteration, as Ctrl-C does."""

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        raise KeyboardInterrupt


class Chain:
    """Two estimators: `model` takes all calls, `twin` those that succeed.

    Every step is a method that draws what it does; `both` is a call that both must
    answer alike, and `alone` one that must change nothing.
    """

    def __init__(self, Format, parameters, seed):
        self.rng = np.random.default_rng(seed)
        self.Format = Format
        self.model, self.twin = (
            Format(rank=3, max_iter=2, alpha=1e-3, **parameters(seed)) for _ in range(2)
        )
        self.is_classifier = "Classifier" in Format.__name__

    def data(self):
        n = int(self.rng.integers(20, 30))
        X = pd.DataFrame(self.rng.normal(size=(n, 3)), columns=list("abc"))
        X["word"] = np.array(["u", "v", "w"])[self.rng.integers(3, size=n)]
        X.loc[:2, "word"] = ["u", "v", "w"]
        y = X["a"] + (X["word"] == "u") + 3
        return X, np.where(y > 3, "yes", "no") if self.is_classifier else y.to_numpy()

    def both(self, call):
        answers = []
        for one in (self.model, self.twin):
            try:
                answers.append(call(one) or one)
            except (ValueError, AttributeError, NotFittedError) as error:
                answers.append(f"{type(error).__name__}: {error}")
        texts = [answer if isinstance(answer, str) else None for answer in answers]
        assert texts[0] == texts[1]
        if texts[0] is None:
            self.model, self.twin = answers

    def alone(self, call):
        with pytest.raises((ValueError, AttributeError, KeyboardInterrupt)):
            call(self.model)

    def fit(self):
        data = self.data()
        self.both(lambda one: one.fit(*data))

    def partial_fit(self):
        X, y = self.data()
        classes = {"classes": ["no", "yes"]} if self.is_classifier else {}
        self.both(lambda one: one.partial_fit(X, y, **classes))

    def fail(self):
        X, y = self.data()
        bad = self.rng.choice(["y", "rows", "map", "partial"])
        if bad == "y":
            self.alone(lambda one: one.fit(X, np.full(len(X), np.nan)))
        elif bad == "rows":
            self.alone(lambda one: one.fit(X[:-1].drop(columns="word"), y))
        elif bad == "map":
            asked = self.model.feature_map
            self.model.set_params(feature_map={"nowhere": "spline"})
            self.alone(lambda one: one.fit(X, y))
            self.model.set_params(feature_map=asked)
        else:
            self.alone(lambda one: one.partial_fit(X[["a"]], y[:-1]))

    def interrupt(self):
        data = self.data()
        self.model.set_callbacks(Interrupt())
        self.alone(lambda one: one.fit(*data))
        self.model.set_callbacks()

    def set_params(self):
        name, values = [
            ("warm_start", [True, False]),
            ("alpha", [1e-4, 1e-2]),
            ("rank", [3, 4]),
            ("loss", ["squared_error", "log_loss" if self.is_classifier else "poisson"]),
            ("early_stopping", [True, False]),
            ("n_jobs", [1, 2]),
        ][self.rng.integers(6)]
        value = values[self.rng.integers(len(values))]
        self.both(lambda one: one.set_params(**{name: value}))

    def clone(self):
        if self.rng.random() < 0.3:
            self.both(clone)
        else:
            clone(self.model)

    def save(self):
        if self.rng.random() < 0.5:
            self.model = pickle.loads(pickle.dumps(self.model))
        else:
            file = io.BytesIO()
            joblib.dump(self.model, file)
            self.model = joblib.load(file)

    def compress(self):
        self.both(lambda one: one.compress(rank=2))

    def convert(self):
        self.both(lambda one: self.Format.from_fitted(one, rank=4, random_state=0))

    def predict(self):
        X, _ = self.data()
        for name in ("predict", "predict_proba", "decision_function"):
            if hasattr(self.model, "network_") and hasattr(self.model, name):
                getattr(self.model, name)(X)

    def check(self):
        """Whether both are in one state."""
        X, _ = self.data()
        answers = []
        for one in (self.model, self.twin):
            name = "decision_function" if self.is_classifier else "predict"
            fitted = hasattr(one, "network_")
            answers.append((fitted, hasattr(one, "predict_proba"), sorted(vars(one))))
            if fitted:
                answers[-1] += tuple(getattr(one, name)(X).tolist())
                answers[-1] += tuple(one.loss_curve_)
        assert answers[0] == answers[1]


STEPS = {
    "fit": 4, "partial_fit": 3, "fail": 3, "interrupt": 2, "set_params": 4, "clone": 1, "save": 2,
    "compress": 1, "convert": 1, "predict": 1,
}  # fmt: skip

KINDS = {
    "TT-adam": (TTClassifier, lambda seed: {"solver": "adam", "random_state": seed}),
    "HT-als": (HTClassifier, lambda seed: {"solver": "als", "random_state": seed}),
    "CP-state": (
        CPClassifier,
        lambda seed: {"solver": "adam", "random_state": np.random.RandomState(seed)},
    ),
    "CP-lbfgs": (CPRegressor, lambda seed: {"solver": "lbfgs", "random_state": seed}),
    "HT-adam": (
        HTRegressor,
        lambda seed: {"solver": "adam", "random_state": np.random.RandomState(seed)},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_chains(kind):
    names = list(STEPS)
    shares = np.array(list(STEPS.values())) / sum(STEPS.values())
    for seed in range(N_CHAINS):
        chain = Chain(*KINDS[kind], seed)
        done = []
        try:
            for _ in range(N_STEPS):
                done.append(str(chain.rng.choice(names, p=shares)))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    getattr(chain, done[-1])()
                    chain.check()
        except BaseException as error:
            error.add_note(f"seed {seed}: {done}")
            raise
