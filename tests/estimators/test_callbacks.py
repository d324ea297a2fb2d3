"""Progress, monitoring and stopping through sklearn.callback."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import PolynomialMap

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FORMATS = [TTClassifier, HTClassifier, CPClassifier]
each_format = pytest.mark.parametrize("Format", FORMATS)
each_solver = pytest.mark.parametrize("solver", ["lbfgs", "adam"])


def blobs(labels=("a", "b", "c"), n=60):
    rng = np.random.default_rng(0)
    y = np.arange(n) % len(labels)
    return rng.normal(size=(n, 4)) + 2 * np.eye(4)[y], np.array(labels)[y]


def short(Format, **parameters):
    fixed = {"rank": 4, "max_iter": 5, "random_state": 0, "alpha": 1e-3}
    return Format(**(fixed | {"feature_map": PolynomialMap(scale=1.0)} | parameters))


class Recorder:
    """Keeps what the hooks were given; asks for a stop after some iterations."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.begun, self.ended = [], []
        self.states, self.data = [], []
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.begun.append(context)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.ended.append(context)
        self.data.append((X, y))
        if fitted_estimator is not None and context.parent is not None:
            self.states.append(fitted_estimator)
        return self.stop_after is not None and len(self.states) >= self.stop_after


def recorded(model, X, y, **arguments):
    recorder = Recorder(**arguments)
    return model.set_callbacks(recorder).fit(X, y), recorder


class TestHooks:
    @each_format
    @each_solver
    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"max_iter": 1},
            {"alpha": 0.1, "tol": 0.05, "max_iter": 30},
            {"early_stopping": True, "n_iter_no_change": 1, "max_iter": 20},
        ],
        ids=["max_iter", "one", "converged", "early"],
    )
    def test_every_task_that_begins_ends(self, Format, solver, parameters):
        X, y = blobs()
        model, recorder = recorded(short(Format, solver=solver, **parameters), X, y)
        begun, ended = ({id(task) for task in tasks} for tasks in (recorder.begun, recorder.ended))
        assert begun == ended
        assert len(recorder.begun) == len(begun) == len(recorder.ended)
        assert recorder.calls == ["setup", "teardown"]
        assert recorder.begun[0] is recorder.ended[-1]
        assert len(recorder.states) == model.n_iter_ >= 1

    @each_format
    @each_solver
    def test_tasks_are_numbered_below_a_root_of_known_length(self, Format, solver):
        X, y = blobs()
        model, recorder = recorded(short(Format, solver=solver), X, y)
        root, *iterations = recorder.begun
        assert root.parent is None
        assert root.max_subtasks == 5
        assert [task.task_id for task in iterations] == list(range(model.n_iter_))
        assert all(task.parent is root for task in iterations)

    @each_format
    @each_solver
    def test_get_the_data_as_the_user_gave_it(self, Format, solver):
        X, y = blobs()
        _, recorder = recorded(short(Format, solver=solver), X, y)
        assert len(recorder.data) == 6
        for X_seen, y_seen in recorder.data:
            np.testing.assert_array_equal(X_seen, X)
            np.testing.assert_array_equal(y_seen, y)

    @each_format
    @each_solver
    def test_fitted_estimator_is_the_model_of_that_iteration(self, Format, solver):
        X, y = blobs()
        model, recorder = recorded(short(Format, solver=solver), X, y)
        scores = [state.decision_function(X) for state in recorder.states]
        assert {tuple(np.unique(state.predict(X))) for state in recorder.states} <= {
            ("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c"),
        }  # fmt: skip
        for before, after in pairwise(scores):
            assert not np.allclose(before, after, rtol=1e-12, atol=0)
        np.testing.assert_array_equal(scores[-1], model.decision_function(X))

    @each_format
    @each_solver
    def test_fits_stopped_earlier_are_the_same_as_snapshots(self, Format, solver):
        """After k of n iterations a snapshot is what a stop at k leaves."""
        X, y = blobs()
        _, recorder = recorded(short(Format, solver=solver), X, y)
        stopped, _ = recorded(short(Format, solver=solver), X, y, stop_after=2)
        np.testing.assert_array_equal(
            recorder.states[1].decision_function(X), stopped.decision_function(X)
        )

    @each_format
    @each_solver
    def test_snapshots_do_not_change_later(self, Format, solver):
        X, y = blobs()

        class Keeper(Recorder):
            def __init__(self):
                super().__init__()
                self.copies = []

            def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
                if fitted_estimator is not None and context.parent is not None:
                    parts = fitted_estimator.network_.cores
                    parts += fitted_estimator.feature_map_.parameters
                    self.states.append(parts)
                    self.copies.append([part.copy() for part in parts])

        keeper = Keeper()
        model = short(Format, solver=solver, feature_map="affine").set_callbacks(keeper).fit(X, y)
        model.fit(X, y[::-1])
        assert len(keeper.states) == 10
        for parts, copies in zip(keeper.states, keeper.copies, strict=True):
            for part, copy in zip(parts, copies, strict=True):
                np.testing.assert_array_equal(part, copy)
                assert not part.flags.writeable

    @each_format
    @each_solver
    def test_a_callback_stops_the_fit(self, Format, solver):
        X, y = blobs()
        model, recorder = recorded(short(Format, solver=solver, max_iter=50), X, y, stop_after=3)
        assert model.n_iter_ == len(model.loss_curve_) == len(recorder.states) == 3
        assert len(recorder.begun) == len(recorder.ended) == 4
        np.testing.assert_array_equal(
            model.decision_function(X), recorder.states[-1].decision_function(X)
        )

    @pytest.mark.filterwarnings("error")
    @each_solver
    def test_a_stop_by_a_callback_does_not_warn(self, solver):
        X, y = blobs()
        model, _ = recorded(short(TTClassifier, solver=solver, max_iter=50), X, y, stop_after=1)
        assert model.n_iter_ == 1

    @each_format
    @each_solver
    def test_do_not_change_the_result(self, Format, solver):
        X, y = blobs()
        plain = short(Format, solver=solver).fit(X, y)
        watched, _ = recorded(short(Format, solver=solver), X, y)
        np.testing.assert_array_equal(watched.decision_function(X), plain.decision_function(X))
        assert watched.loss_curve_ == plain.loss_curve_

    @each_format
    @each_solver
    def test_are_torn_down_when_the_fit_fails(self, Format, solver):
        class Failing(Recorder):
            def on_fit_task_end(self, estimator, context):
                raise RuntimeError("from the callback")

        X, y = blobs()
        failing = Failing()
        with pytest.raises(RuntimeError, match="from the callback"):
            short(Format, solver=solver).set_callbacks(failing).fit(X, y)
        assert failing.calls == ["setup", "teardown"]

    @each_format
    def test_final_state_of_early_stopping_is_the_best(self, Format):
        class Last(Recorder):
            def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
                if context.parent is None:
                    self.states.append(fitted_estimator.decision_function(X))

        X, y = blobs()
        last = Last()
        model = short(Format, solver="adam", early_stopping=True, max_iter=20).set_callbacks(last)
        np.testing.assert_array_equal(model.fit(X, y).decision_function(X), last.states[0])


class TestScoringMonitor:
    @each_solver
    @pytest.mark.parametrize(
        ("Format", "labels"),
        [(TTClassifier, ("a", "b", "c")), (HTClassifier, (3, 7)), (CPClassifier, (0, 1, 2))],
    )
    def test_logs_the_score_of_each_iteration(self, Format, solver, labels):
        X, y = blobs(labels)
        monitor = ScoringMonitor(scoring="accuracy")
        model = short(Format, solver=solver, max_iter=8).set_callbacks(monitor).fit(X, y)
        rows = monitor.get_logs().data
        scores = [row["accuracy"] for row in rows if row["task_name"] != "fit"]
        assert len(scores) == model.n_iter_
        assert scores[-1] == pytest.approx(model.score(X, y))

    @each_solver
    def test_works_in_a_pipeline(self, solver):
        X, y = blobs()
        monitor = ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
        model = short(HTClassifier, solver=solver).set_callbacks(monitor)
        pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
        rows = monitor.get_logs().data
        assert len(rows) == model.n_iter_ + 1
        final = max(rows, key=lambda row: len(row["task_id_path"]) * 100 + row["task_id"])
        assert final["accuracy"] == pytest.approx(pipeline.score(X, y))

    @each_solver
    def test_works_in_a_grid_search(self, solver):
        X, y = blobs()
        monitor = ScoringMonitor(scoring="accuracy")
        model = short(CPClassifier, solver=solver, max_iter=3).set_callbacks(monitor)
        search = GridSearchCV(model, {"rank": [3, 4]}, cv=2, error_score="raise").fit(X, y)
        rows = monitor.get_logs().data
        assert len(rows) == (2 * 2 + 1) * (3 + 1)
        assert search.score(X, y) > 0.3


class TestProgressBar:
    @each_format
    @each_solver
    def test_shows_the_iterations(self, Format, solver, capsys):
        pytest.importorskip("rich")
        X, y = blobs()
        short(Format, solver=solver).set_callbacks(ProgressBar()).fit(X, y)
        shown = capsys.readouterr().out
        assert Format.__name__ in shown
        assert "100%" in shown

    @each_solver
    def test_in_a_pipeline_in_a_grid_search(self, solver, capsys):
        pytest.importorskip("rich")
        X, y = blobs()
        pipeline = make_pipeline(StandardScaler(), short(TTClassifier, solver=solver, max_iter=2))
        grid = {"ttclassifier__rank": [3, 4]}
        search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
        search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
        assert "TTClassifier" in capsys.readouterr().out
        assert search.score(X, y) > 0.3
