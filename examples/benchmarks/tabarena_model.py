"""`TTClassifier` and `TTRegressor` as a model of AutoGluon, and so of TabArena.

TabArena (https://tabarena.ai) judges models of tables on 51 sets in one protocol: bags of
eight folds, a limit of an hour, tuned and untuned. `TensorTrain` is what it asks for. In an
environment of its own, with this package::

    python -m pip install . tabarena
    python examples/benchmarks/tabarena_model.py try
    python examples/benchmarks/tabarena_model.py run --sets anneal QSAR_fish_toxicity

``try`` fits bags on sets that come with scikit-learn. ``run`` fits the first split of each set of
TabArena that ``--sets`` names, or of all, and prints the leaderboard; ``--configs 25`` adds so many
random settings. The sets and the results of others come from the net.
"""

from __future__ import annotations

import argparse
import time
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from autogluon.core.models import AbstractModel
from autogluon.core.utils.exceptions import TimeLimitExceeded
from sklearn import datasets
from sklearn.model_selection import train_test_split

from sktensornet import TTClassifier, TTRegressor

ESTIMATORS = {"binary": TTClassifier, "multiclass": TTClassifier, "regression": TTRegressor}
"""By the problem types of AutoGluon."""


class Deadline:
    """A callback that ends a fit before an iteration that would not be over in time.

    The next iteration, a sweep for tables, is expected to take as long as the last one. What
    goes before the first, the choice of penalty and scale, cannot be cut short: it is made on no
    more than 20,000 rows, and if it takes all the time there is no model.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def setup(self, estimator, context):
        """Begin a fit."""

    def teardown(self, estimator, context):
        """End a fit."""

    def on_fit_task_begin(self, estimator, context):
        """Raise where the choice took all the time; AutoGluon then leaves the model out."""
        self._began = time.monotonic()
        if self._began > self._end:
            raise TimeLimitExceeded

    def on_fit_task_end(self, estimator, context):
        """Whether the time does not suffice for another iteration."""
        now = time.monotonic()
        return now + (now - self._began) > self._end


class TensorTrain(AbstractModel):
    """A tensor train for AutoGluon.

    Hyperparameters are the parameters of the estimators, whose defaults stay. Columns come as
    AutoGluon types them, categories as such: the estimators scale numbers, encode categories, and
    take missing values and unknown categories themselves. ``time_limit`` ends sweeps
    (see `Deadline`), ``num_cpus`` is ``n_jobs``. The validation rows of AutoGluon are not used: the
    penalty is chosen by held-out parts of the training rows.
    """

    ag_key = "SKTN_TT"
    ag_name = "TensorTrain"
    seed_name = "random_state"

    def _fit(self, X, y, time_limit=None, num_cpus=1, sample_weight=None, **kwargs):
        # First of all, so that preparing the columns counts.
        callbacks = [] if time_limit is None else [Deadline(time_limit)]
        X = self.preprocess(X, y=y, is_train=True)
        parameters = self._get_model_params() | {"n_jobs": num_cpus}
        self.model = ESTIMATORS[self.problem_type](**parameters)
        self.model.set_callbacks(*callbacks).fit(X, y, sample_weight=sample_weight)
        self.model.set_callbacks()

    # `_predict_proba` is that of `AbstractModel`, which calls `predict_proba` or `predict`.

    def _set_default_params(self):
        """Leave all to the estimators."""

    def _get_default_auxiliary_params(self):
        """Take numbers and categories; of texts and dates AutoGluon makes numbers."""
        types = {"valid_raw_types": ["int", "float", "category"]}
        return super()._get_default_auxiliary_params() | types

    @classmethod
    def supported_problem_types(cls):
        """Say which problems are solved; of others AutoGluon leaves the model out."""
        return list(ESTIMATORS)

    def _more_tags(self):
        """Say that a fit needs no validation rows."""
        return {"can_refit_full": True}

    @classmethod
    def _estimate_memory_usage_static(cls, *, X, **kwargs):
        """Bytes of a fit, so that folds run at once only where there is room.

        Fits of 20,000 to 60,000 rows and 20 to 60 columns took 270 to 580 MB, three quarters
        of this.
        """
        return 300_000_000 + 400 * X.size

    @classmethod
    def config_generator(cls):
        """Give TabArena the defaults and what to search: penalty and scale choose themselves."""
        from autogluon.common.space import Categorical
        from tabarena.utils.config_utils import ConfigGenerator

        space = {
            "rank": Categorical(8, 2, 4, 16),
            "feature_map": Categorical("auto", "spline", "quantile", "polynomial"),
            "tol": Categorical(1e-4, 1e-5),
        }
        return ConfigGenerator(search_space=space, model_cls=cls, manual_configs=[{}])


def try_out(model_class: type[AbstractModel]) -> None:
    """Print test scores of bags on sets of scikit-learn, one of each problem type."""
    from autogluon.tabular import TabularPredictor

    for load, metric in (
        (datasets.load_breast_cancer, "roc_auc"),
        (datasets.load_wine, "log_loss"),
        (datasets.load_diabetes, "root_mean_squared_error"),
    ):
        table = load(as_frame=True).frame
        # Quarters of the first column as words, and a twentieth of the second one missing.
        table.isetitem(0, pd.qcut(table.iloc[:, 0].rank(method="first"), 4, labels=list("abcd")))
        table.iloc[::20, 1] = np.nan
        train, test = train_test_split(table, random_state=0)
        with TemporaryDirectory() as folder:
            predictor = TabularPredictor("target", eval_metric=metric, path=folder, verbosity=0)
            predictor.fit(
                train,
                hyperparameters={model_class: {}},
                num_bag_folds=4,
                num_bag_sets=1,
                fit_weighted_ensemble=False,
                ag_args_ensemble={"fold_fitting_strategy": "sequential_local"},
                time_limit=120,
            )
            score = predictor.evaluate(test)[metric]
        print(f"{load.__name__[5:]}: {metric} {abs(score):.4f}", flush=True)


def run(model_class: type[AbstractModel], sets: list[str], configs: int, folder: str) -> None:
    """Run the first split of each set of TabArena, and print the leaderboard."""
    from tabarena.benchmark.experiment import TabArenaV0pt1ExperimentBundle
    from tabarena.contexts import TabArenaContext

    bundle = TabArenaV0pt1ExperimentBundle(models=[(model_class.config_generator(), configs)])
    context = TabArenaContext()
    context.build_and_run_jobs(
        bundle.build_experiments(),
        expname=f"{folder}/experiments",
        subset="lite",
        build_kwargs={"dataset_names": sets} if sets else None,
        new_result_prefix="[New] ",
    )
    leaderboard = context.compare(output_dir=f"{folder}/leaderboard")
    print(context.leaderboard_to_website_format(leaderboard=leaderboard).to_string(index=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("command", choices=["try", "run"])
    parser.add_argument("--sets", nargs="*", default=[], help="names of sets of TabArena")
    parser.add_argument("--configs", type=int, default=0, help="settings beside the defaults")
    parser.add_argument("--output", default="tabarena", help="folder of the results")
    arguments = parser.parse_args()
    # Models are pickled: their class must belong to a module that other processes can import.
    from tabarena_model import TensorTrain as Importable

    if arguments.command == "try":
        try_out(Importable)
    else:
        run(Importable, arguments.sets, arguments.configs, arguments.output)


if __name__ == "__main__":
    main()
