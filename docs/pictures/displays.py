"""Four displays of networks that have learnt the bundled digits by sweeps."""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import PCAMap
from sktensornet.inspection import (
    EntanglementDisplay,
    NetworkDisplay,
    ParetoDisplay,
    TrainingDisplay,
)
from sktensornet.patches import ImagePatches
from sktensornet.solvers import ALS

warnings.simplefilter("ignore", ConvergenceWarning)  # Few sweeps are enough.
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
settings = {
    "patches": ImagePatches((8, 8), (4, 4), stride=2),
    "feature_map": PCAMap(6),
    "loss": "squared_error",
    "alpha": 1e-3,
    "tol": 0.0,
    "random_state": 0,
}
adaptive = ALS(sweep="two_site", rank_tol=0.1)
chain = TTClassifier(rank=16, solver=adaptive, max_iter=4, **settings).fit(X_train, y_train)
formats = [(TTClassifier, (2, 4, 8)), (HTClassifier, (4, 8)), (CPClassifier, (16, 64))]
models = [
    Format(rank=rank, solver="als", max_iter=2, **settings).fit(X_train, y_train)
    for Format, ranks in formats
    for rank in ranks
]

figure, axes = plt.subplots(2, 2, figsize=(10, 6.2), layout="constrained", height_ratios=[1, 1.1])
tree = models[3]
NetworkDisplay.from_estimator(tree, ax=axes[0, 0])
EntanglementDisplay.from_estimator(chain, ax=axes[0, 1])
TrainingDisplay.from_estimator(chain, kind="ranks", ax=axes[1, 0])
ParetoDisplay.from_estimators(models, X_test, y_test, ax=axes[1, 1])
