"""The three formats learn real images."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.patches import ImagePatches


@pytest.mark.parametrize("estimator", [TTClassifier(), HTClassifier(), CPClassifier()])
def test_learns_digits(estimator):
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X.astype(np.float32), y, stratify=y, random_state=0
    )
    estimator.set_params(patches=ImagePatches((8, 8), (4, 4), stride=2), random_state=0)
    assert estimator.fit(X_train, y_train).score(X_test, y_test) > 0.94
