"""What notebooks show of fitted estimators is short."""

import re

import numpy as np
import pytest

from sktensornet import CPRegressor, HTClassifier, TTClassifier
from sktensornet.patches import SequencePatches
from sktensornet.solvers import Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MODELS = [
    TTClassifier(rank=8, max_iter=2, alpha="auto"),
    HTClassifier(rank=8, max_iter=3, patches=SequencePatches(5, 5), solver=Adam()),
    CPRegressor(rank=8, max_iter=3, early_stopping=True, solver="als"),
]


@pytest.fixture(scope="module", params=MODELS, ids=lambda model: type(model).__name__)
def fitted(request):
    X = np.random.default_rng(0).standard_normal((120, 60))
    return request.param.fit(X, X[:, 0] * X[:, 1] > 0)


def test_html_shows_fitted_attributes_in_few_characters(fitted):
    html = fitted._repr_html_()
    table = html[html.index("Fitted attributes") :]
    values = re.findall(r"<td>(.*?)</td>", table, flags=re.DOTALL)
    assert len(values) >= 10
    assert max(map(len, values)) < 250
    assert "array(" not in table
    assert "network_" in table
    assert len(html) < 100_000


def test_attributes_have_short_representations(fitted):
    """A repr that prints arrays is slow, whatever is cut from it later."""
    for name, value in vars(fitted).items():
        if name.endswith("_") and not isinstance(value, np.ndarray):
            parts = value if isinstance(value, list) else [value]
            assert max((len(repr(part)) for part in parts), default=0) < 200, name


def test_records_show_numbers_that_matter(fitted):
    record = re.compile(r"SweepRecord\(objective=[\d.e+-]+, rank=\d+\)")
    trial = re.compile(
        r"Trial\(alpha=[\d.e+-]+, scale=(None|[\d.]+), loss=[\d.e+-]+(, mode_size=\d+)?\)"
    )
    assert all(record.fullmatch(repr(one)) for one in fitted.sweeps_ or [])
    assert all(trial.fullmatch(repr(one)) for one in fitted.trials_ or [])
    assert repr(fitted.columns_) == "Columns(n_categorical=0)"
