"""The pages of the API reference, from what the package exports."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import sktensornet


def public_modules():
    """The package and its public subpackages, by name."""
    names = [
        info.name for info in pkgutil.iter_modules(sktensornet.__path__) if info.name[0] != "_"
    ]
    return ["sktensornet", *(f"sktensornet.{name}" for name in sorted(names))]


def public_objects():
    """(module, name, object) of all that the package exports."""
    return [
        (module, name, getattr(importlib.import_module(module), name))
        for module in public_modules()
        for name in getattr(importlib.import_module(module), "__all__", [])
        if not name.startswith("__")
    ]


def page():
    """The text of the index of the reference."""
    lines = ["API reference", "=============", ""]
    lines += [
        "Everything that the package exports. What is not listed here may change",
        "without notice. Estimators also have the methods of scikit-learn, such as",
        "``get_params``, ``set_params`` and ``set_callbacks``, and :doc:`a table of their",
        "parameters <parameters>`.",
        "",
    ]
    for module in public_modules():
        text = inspect.getdoc(importlib.import_module(module)) or ""
        lines += [module, "-" * len(module), "", text, ""]
        lines += [f".. currentmodule:: {module}", "", ".. autosummary::"]
        lines += ["   :toctree: generated", "   :nosignatures:", ""]
        lines += [f"   {name}" for owner, name, _ in public_objects() if owner == module]
        lines += [""]
    lines += [".. toctree::", "   :hidden:", "", "   parameters", ""]
    return "\n".join(lines)


def write(folder: Path):
    """Write the index, unless it is there."""
    folder.mkdir(exist_ok=True)
    write_if_new(folder / "index.rst", page())


def write_if_new(path: Path, text: str):
    """Write a file, and leave it alone if it says so already."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
