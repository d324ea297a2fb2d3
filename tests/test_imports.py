"""What importing the package costs, and what it does where an extra is missing."""

import json
import subprocess
import sys

import pytest

from sktensornet import networks

MODULES = "import sys, json; print(json.dumps(sorted(sys.modules)))\n"
FIT = """
import numpy as np
X = np.eye(8)
sktensornet.TTClassifier(rank=2, alpha=1, max_iter=9, tol=9.0).fit(X, X[0])
"""
EXPORT = """
from sktensornet.networks import TensorNetwork, tensor_train, to_tensorly
to_tensorly(TensorNetwork(tensor_train(1), (np.ones((1, 2, 1, 1)),)))
"""


def run(code):
    """What a new interpreter prints; its warnings are not ours."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout


@pytest.fixture(scope="module")
def loaded():
    """Modules after importing the package, then after a fit, then after an export."""
    code = f"import sktensornet\n{MODULES}{FIT}{MODULES}{EXPORT}{MODULES}"
    return [json.loads(line) for line in run(code).splitlines()]


@pytest.fixture(scope="module")
def extra(loaded):
    """Modules that the package loads beyond those of linear models of scikit-learn."""
    base = json.loads(run(f"import sklearn.linear_model\n{MODULES}"))
    assert "sktensornet._estimators._classifiers" in loaded[0]
    return [name for name in loaded[0] if name not in base]


def test_importing_loads_no_packages_but_those_of_linear_models(extra):
    packages = {name.partition(".")[0] for name in extra} - set(sys.stdlib_module_names)
    assert packages == {"sktensornet"}


def test_importing_loads_hardly_any_modules_of_others(extra):
    others = [name for name in extra if not name.startswith("sktensornet")]
    assert len(others) <= 15, others


def test_metrics_are_loaded_on_use(loaded):
    assert not any("sklearn.metrics" in modules for modules in loaded)


@pytest.mark.parametrize("least", [5e6, 1e4])
def test_scores_alone_wait_for_no_compiled_code_unless_there_are_many(least):
    """Whatever was there before: results do not depend on it."""
    pytest.importorskip("numba")
    code = (
        "import sys, numpy as np, sktensornet; from sktensornet._problems import _model; "
        f"_model.WORTH_LOADING = {least}; X = np.random.default_rng(0).random((2000, 40)); "
        "model = sktensornet.TTRegressor(max_iter=2).fit(X, X[:, 0] * X[:, 1]); model.predict(X); "
        "print('numba' in sys.modules); "
        "other = sktensornet.TTRegressor(solver='lbfgs', alpha=1e-3, max_iter=1, tol=9.0); "
        "other.fit(X, X[:, 0]); print('numba' in sys.modules)"
    )
    assert run(f"import warnings; warnings.simplefilter('ignore'); {code}").split() == [
        str(least < 5e6),
        "True",
    ]


def test_results_do_not_depend_on_what_was_loaded_before():
    pytest.importorskip("numba")
    code = (
        "import numpy as np, sktensornet; X = np.random.default_rng(0).random((900, 40)); "
        "fit = lambda: sktensornet.TTRegressor(max_iter=1, tol=9.0, random_state=0).fit(X, X[:, 0])"
        ".predict(X); one = fit(); import sktensornet._compiled._execute; "
        "print((one == fit()).all())"
    )
    assert run(code).strip() == "True"


def test_tensorly_is_loaded_on_use(loaded):
    assert ["tensorly" in modules for modules in loaded] == [False, False, True]


def test_no_other_library_of_arrays_is_loaded(loaded):
    libraries = {"torch", "cupy", "array_api_strict"}
    assert not any(libraries & set(modules) for modules in loaded)


def test_linear_models_are_loaded_by_a_linear_start(loaded):
    assert not any("sklearn.linear_model" in modules for modules in loaded[:2])


def test_what_a_fit_does_not_need_is_loaded_on_use(loaded):
    for module in (
        "networks._conversions._convert",
        "networks._tensors._min_cut",
        "networks._starts._moments",
        "_distributed._lockstep",
        "_estimators._compress",
        "_problems._array_objective",
    ):
        assert not any(f"sktensornet.{module}" in modules for modules in loaded[:2]), module
    assert set(networks.__all__) == {name for name in dir(networks) if hasattr(networks, name)}


def test_a_numba_that_does_not_load_is_not_used(tmp_path):
    (tmp_path / "numba.py").write_text("raise ImportError('NumPy is too new')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        "import warnings, numpy as np, sktensornet; X = np.random.rand(2000, 60); "
        "warnings.simplefilter('ignore'); "
        "warnings.filterwarnings('always', category=RuntimeWarning); sys.stderr = sys.stdout; "
        "model = sktensornet.TTRegressor(rank=2, solver='lbfgs', alpha=1, max_iter=1, n_jobs=1); "
        "model.fit(X, X[:, 0])"
    )
    assert run(code).count("NumPy is too new") == 1


@pytest.mark.parametrize(
    "before", ["import os; os.environ['NUMBA_DISABLE_JIT'] = '1'", "numba.config.DISABLE_JIT = 1"]
)
def test_where_numba_shall_not_compile_passes_are_those_of_numpy(before):
    pytest.importorskip("numba")
    before = f"import numba; {before}" if "config" in before else before
    code = (
        f"{before}; import warnings, numpy as np, sktensornet; warnings.simplefilter('ignore'); "
        "X = np.random.default_rng(0).random((3000, 8)); fits = ["
        "sktensornet.TTRegressor(rank=3, solver=solver, alpha=1e-3, max_iter=10, random_state=0)"
        ".fit(X, X[:, 0]).score(X, X[:, 0]) for solver in ('als', 'lbfgs', 'adam')]; "
        "from sktensornet._support._optional import can_compile; print(can_compile(), *fits)"
    )
    can_compile, *scores = run(code).split()
    assert can_compile == "False"
    assert min(map(float, scores[:2])) > 0.9
