"""What importing the package costs, and what it does where an extra is missing."""

import json
import subprocess
import sys

import pytest

MODULES = "import sys, json; print(json.dumps(sorted(sys.modules)))"


def run(code):
    """What a new interpreter prints; its warnings are not ours."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout


@pytest.fixture(scope="module")
def extra():
    """Modules that the package loads beyond those of linear models of scikit-learn."""
    base = json.loads(run(f"import sklearn.linear_model; {MODULES}"))
    own = json.loads(run(f"import sktensornet; {MODULES}"))
    assert "sktensornet._estimators._classifiers" in own
    return [name for name in own if name not in base]


def test_importing_loads_no_packages_but_those_of_linear_models(extra):
    packages = {name.partition(".")[0] for name in extra} - set(sys.stdlib_module_names)
    assert packages == {"sktensornet"}


def test_importing_loads_hardly_any_modules_of_others(extra):
    others = [name for name in extra if not name.startswith("sktensornet")]
    assert len(others) <= 15, others


def test_a_fit_needs_no_tensorly():
    code = (
        "import sys, numpy as np, sktensornet; X = np.eye(8); "
        "sktensornet.TTClassifier(rank=2, alpha=1, max_iter=9, tol=9.0).fit(X, X[0]); "
        "print('tensorly' in sys.modules)"
    )
    assert run(code).strip() == "False"


def test_tensorly_is_loaded_on_use():
    code = (
        "import sys, numpy as np; from sktensornet.networks import *; "
        "network = TensorNetwork(tensor_train(1), (np.ones((1, 2, 1, 1)),)); "
        "to_tensorly(network); print('tensorly' in sys.modules)"
    )
    assert run(code).strip() == "True"


def test_a_numba_that_does_not_load_is_not_used(tmp_path):
    (tmp_path / "numba.py").write_text("raise ImportError('NumPy is too new')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        "import warnings, numpy as np, sktensornet; X = np.random.rand(2000, 60); "
        "warnings.simplefilter('ignore'); "
        "warnings.filterwarnings('always', category=RuntimeWarning); sys.stderr = sys.stdout; "
        "sktensornet.TTRegressor(rank=2, solver='lbfgs', max_iter=1).fit(X, X[:, 0])"
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
        "sktensornet.TTRegressor(rank=3, solver=solver, alpha=1e-3, max_iter=3, random_state=0)"
        ".fit(X, X[:, 0]).score(X, X[:, 0]) for solver in ('als', 'lbfgs', 'adam')]; "
        "from sktensornet._support._optional import can_compile; print(can_compile(), *fits)"
    )
    can_compile, *scores = run(code).split()
    assert can_compile == "False"
    assert min(map(float, scores[:2])) > 0.9
