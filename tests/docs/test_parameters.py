"""The table of parameters has every parameter, and no other."""

import parameters
import pytest
from sklearn.base import BaseEstimator

from sktensornet.solvers import SOLVERS


def test_the_data_has_each_parameter_once():
    assert set(parameters.data()) == set(parameters.signatures())


def test_each_parameter_is_described():
    said = parameters.descriptions()
    assert set(said) == set(parameters.signatures())
    assert all(len(text) > 20 for text in said.values())


def test_entries_say_when_and_name_known_solvers():
    entries = parameters.data()
    assert {name: entry for name, entry in entries.items() if not is_complete(entry)} == {}
    assert not is_complete({"when": "Whenever there is a reason.", "solvers": {"newton": "no"}})


def is_complete(entry):
    """Whether an entry has text, and no key or solver that nobody knows."""
    return (
        set(entry) <= {"when", "solvers"}
        and len(entry["when"]) > 20
        and set(entry.get("solvers", {})) <= set(SOLVERS)
    )


def test_defaults_are_those_of_the_signatures():
    page = parameters.page()
    for name, defaults in parameters.signatures().items():
        assert f"``{name}``" in page
        assert all(f"``{default!r}``" in page for default in defaults.values())


def test_defaults_that_differ_name_their_formats():
    names = list(parameters.signatures()["rank"])
    mixed = {name: 32 if name.startswith("CP") else 8 for name in names}
    assert parameters._default(mixed) == "``8`` (TT and HT), ``32`` (CP)"


def test_a_new_parameter_is_noticed(monkeypatch):
    class Wider(BaseEstimator):
        """An estimator with one more parameter.

        Parameters
        ----------
        width : int, default=1
            How wide it is.
        """

        def __init__(self, width=1):
            self.width = width

    known = parameters.estimators()
    monkeypatch.setattr(parameters, "estimators", lambda: [*known, Wider])
    assert set(parameters.signatures()) - set(parameters.data()) == {"width"}
    with pytest.raises(KeyError, match="width"):
        parameters.page()
