"""The notebooks run, were run, and are fit to be published."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples" / "benchmarks").glob("*.ipynb"))
MOST_BYTES = 200_000
MACHINE_PATH = re.compile(
    r"(?<![\w.~/:])/(?:home|root|Users|tmp|work|mnt|opt|usr|var|private)/|[A-Z]:\\+Users|ipykernel_"
)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def without_pictures(path):
    """The text of a notebook; the base64 of pictures may hold any letters."""
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
    return json.dumps(notebook, ensure_ascii=False)


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["formats", "speed", "tables"]


@each_notebook
def test_runs_at_a_reduced_size(path, tmp_path):
    code = "\n\n".join("".join(cell["source"]) for cell in code_cells(path))
    script = tmp_path / f"{path.stem}.py"
    script.write_text(code + "\n\nassert SMALL\n", encoding="utf-8")
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "MPLBACKEND": "Agg",
        # Threads of gradient boosting wait actively, which is slow where cores are shared.
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONUTF8": "1",
        "SKTENSORNET_SMALL": "1",
    }
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@each_notebook
def test_was_run_in_order_and_without_complaints(path):
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    for output in outputs:
        assert output["output_type"] in ("stream", "display_data", "execute_result")
        assert output.get("name") != "stderr"


@each_notebook
def test_is_small_and_tells_nothing_of_the_machine(path):
    assert path.stat().st_size < MOST_BYTES
    assert not MACHINE_PATH.search(without_pictures(path))
    notebook = json.loads(path.read_text())
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert set(notebook["metadata"]["language_info"]) == {"name"}
    assert not any(cell["metadata"] for cell in notebook["cells"])


@pytest.mark.parametrize(
    "text", ["/home/me/x.py", "see /root/y", "C:\\\\Users\\\\me", "ipykernel_12/3.py"]
)
def test_paths_of_a_machine_are_found(text):
    assert MACHINE_PATH.search(text)


@each_notebook
def test_is_described_in_the_documentation(path):
    assert f"{path.name}" in (ROOT / "docs" / "benchmarks" / "index.md").read_text()
