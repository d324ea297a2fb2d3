"""What "auto" means as the rank."""

import numpy as np
import pytest

from sktensornet import CPClassifier, HTClassifier, TTClassifier, TTRegressor
from sktensornet.feature_maps import SplineMap

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fitted(Format, n_classes, **options):
    X = np.random.default_rng(0).standard_normal((60, 6))
    options = {
        "feature_map": SplineMap(5),
        "alpha": 1e-3,
        "max_iter": 1,
        "random_state": 0,
    } | options
    return Format(**options).fit(X, np.arange(60) % n_classes)


@pytest.mark.parametrize(
    ("n_classes", "rank"), [(2, 8), (4, 8), (5, 10), (7, 14), (9, 16), (12, 16)]
)
def test_trains_have_two_channels_for_each_class_from_eight_to_sixteen(n_classes, rank):
    assert max(fitted(TTClassifier, n_classes).network_.ranks) == rank


def test_trees_have_as_many():
    assert max(fitted(HTClassifier, 6).network_.ranks) == 12


@pytest.mark.parametrize(("n_classes", "rank"), [(3, 32), (12, 60)])
def test_sums_have_five_terms_for_each_class_and_no_fewer_than_32(n_classes, rank):
    assert max(fitted(CPClassifier, n_classes).network_.ranks) == rank


def test_classes_of_separate_tensors_do_not_count():
    model = fitted(TTClassifier, 12, class_tensors="separate")
    assert max(model.network_.ranks) == 8


def test_outputs_count_as_classes_do():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((40, 6)), rng.standard_normal((40, 7))
    reg = TTRegressor(feature_map=SplineMap(5), alpha=1e-3, max_iter=1).fit(X, Y)
    assert max(reg.network_.ranks) == 14


def test_a_number_stays():
    assert max(fitted(TTClassifier, 12, rank=3).network_.ranks) == 3


def test_a_word_other_than_auto_is_refused():
    with pytest.raises(ValueError, match=r"'rank' parameter .* must be .*auto.*large"):
        fitted(TTClassifier, 3, rank="large")
