"""The table of all parameters of the estimators."""

import inspect
import tomllib
from pathlib import Path

from numpydoc.docscrape import ClassDoc
from reference import write_if_new
from sklearn.base import BaseEstimator

import sktensornet
from sktensornet.solvers import SOLVERS

DATA = Path(__file__).parents[1] / "parameters.toml"
SHORT = 25
"""A first sentence below so many characters takes the next one along."""


def estimators():
    """The public estimators: classifiers first, trains before trees before sums."""
    exported = [getattr(sktensornet, name) for name in sktensornet.__all__]
    found = [
        each for each in exported if isinstance(each, type) and issubclass(each, BaseEstimator)
    ]
    found.sort(key=lambda each: each.__name__, reverse=True)
    return sorted(found, key=lambda each: each.__name__[2:])


def signatures():
    """For each parameter its default in each estimator that has it."""
    found: dict[str, dict[str, object]] = {}
    for estimator in estimators():
        for parameter in inspect.signature(estimator).parameters.values():
            found.setdefault(parameter.name, {})[estimator.__name__] = parameter.default
    return found


def descriptions():
    """For each parameter what the docstrings say first."""
    found = {}
    for estimator in estimators():
        for parameter in ClassDoc(estimator)["Parameters"]:
            sentences = " ".join(parameter.desc).split(". ")
            text = sentences[0]
            if len(text) < SHORT and len(sentences) > 1:
                text += ". " + sentences[1]
            for name in parameter.name.split(", "):
                found.setdefault(name, text.rstrip(".") + ".")
    return found


def data():
    """What `DATA` says: for each parameter ``when``, and ``solvers`` with conditions."""
    return tomllib.loads(DATA.read_text())


def _who(names):
    """Estimators in short: nothing for all of them."""
    known = [estimator.__name__ for estimator in estimators()]
    if set(names) == set(known):
        return ""
    for ending in ("Classifier", "Regressor"):
        if set(names) == {name for name in known if name.endswith(ending)}:
            return f"{ending.lower()}s"
    formats = list(dict.fromkeys(name[:2] for name in names))
    if set(names) == {name for name in known if name[:2] in formats}:
        return " and ".join(formats)
    return ", ".join(names)


def _default(defaults):
    """The default, or those of each estimator where they differ, and whose it is."""
    owners: dict[str, list[str]] = {}
    for name, value in defaults.items():
        owners.setdefault(repr(value), []).append(name)
    shown = [(f"``{value}``", _who(names)) for value, names in owners.items()]
    return ", ".join(f"{value} ({who})" if who else value for value, who in shown)


def _solvers(conditions):
    """Which solvers honour a parameter."""
    if not conditions:
        return "all"
    free = [name for name in SOLVERS if name not in conditions]
    return "; ".join([", ".join(free), *(f"{name}: {text}" for name, text in conditions.items())])


def page():
    """The text of the page."""
    lines = [
        "Table of parameters",
        "===================",
        "",
        "Every parameter of every estimator. The reference of each estimator, such as",
        ":class:`sktensornet.TTClassifier`, says all about them.",
        "",
        ".. currentmodule:: sktensornet",
        "",
        ".. list-table::",
        "   :class: parameters",
        "   :header-rows: 1",
        "   :widths: 16 34 34 16",
        "",
        "   * - parameter",
        "     - what it does",
        "     - when to change it",
        "     - solvers",
    ]
    known, said = data(), descriptions()
    for name, defaults in signatures().items():
        lines += [
            f"   * - ``{name}``",
            "",
            f"       {_default(defaults)}",
            f"     - {said[name]}",
            f"     - {known[name]['when']}",
            f"     - {_solvers(known[name].get('solvers', {}))}",
        ]
    return "\n".join([*lines, ""])


def write(folder: Path):
    """Write the page into the folder of the reference."""
    folder.mkdir(exist_ok=True)
    write_if_new(folder / "parameters.rst", page())
