"""Every public docstring is complete, and every public object has an example that runs."""

import doctest
import importlib
import inspect

import numpydoc.validate
import pytest
import reference

import sktensornet
from sktensornet._estimators._docstrings import documented as documented_texts

IGNORED = {
    # An example stands with the class, not with each method.
    "EX01": "methods",
    # A summary may say everything.
    "ES01": "all",
    # Not everything has relatives.
    "SA01": "all",
    # The rule takes noun phrases in the plural ("Scores of the classes") for verbs.
    "SS05": "all",
    # scikit-learn names what a method returns: "self : object".
    "RT02": "all",
}


def documented():
    """(dotted name, object, whether a member) of what has a docstring of its own."""
    seen = set()
    for module, name, thing in reference.public_objects():
        if not callable(thing):
            continue
        yield f"{module}.{name}", thing, False
        members = inspect.getmembers_static(thing) if inspect.isclass(thing) else []
        for member, raw in members:
            owner = next(cls for cls in thing.__mro__ if member in vars(cls))
            ours = owner.__module__.startswith("sktensornet")
            generated = member.startswith("_") or member.endswith("_request")
            is_code = callable(getattr(thing, member, None)) or isinstance(raw, property)
            if ours and is_code and not generated and id(raw) not in seen:
                seen.add(id(raw))
                yield f"{module}.{name}.{member}", raw, True


OBJECTS = {name: (thing, is_member) for name, thing, is_member in documented()}


def problems(name):
    """What numpydoc finds wrong, without what is ignored."""
    thing, is_member = OBJECTS[name]
    if is_member and not thing.__doc__ and inspect.getdoc(attribute(name)):
        return []  # The docstring is that of the base class, which is checked itself.
    found = dict(numpydoc.validate.validate(name)["errors"])
    if getattr(thing, "_is_protocol", False):
        found.pop("PR01", None)  # A protocol has no constructor.
    return [
        f"{code}: {text}"
        for code, text in found.items()
        if IGNORED.get(code) != "all" and not (IGNORED.get(code) == "methods" and is_member)
    ]


def attribute(name):
    """The member of a class that a dotted name means."""
    owner, _, member = name.rpartition(".")
    return getattr(OBJECTS[owner][0], member)


def has_example(thing):
    """Whether a docstring shows more than imports. That it runs, doctests of the package see to."""
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(thing) or "")
    return any(not example.source.startswith(("import ", "from ")) for example in examples)


def test_docstrings_are_complete():
    found = {name: problems(name) for name in OBJECTS}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_an_incomplete_docstring_is_seen(monkeypatch):
    monkeypatch.setattr(sktensornet.solvers.ALS, "__doc__", "Sweeps.")
    codes = {problem[:4] for problem in problems("sktensornet.solvers.ALS")}
    assert codes == {"PR01", "EX01"}
    assert not has_example(sktensornet.solvers.ALS)


@pytest.mark.parametrize("as_compiled", [str, inspect.cleandoc], ids=["3.11", "3.13"])
def test_shared_texts_are_filled_in_with_and_without_indentation(as_compiled):
    written = """Trees.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    """
    cls = type("Trees", (), {"__doc__": as_compiled(written)})
    lines = documented_texts("classifier", "5")(cls).__doc__.splitlines()
    assert lines[:3] == ["Trees.", "", "Parameters"]
    assert any(line.startswith("patches : ") for line in lines)
    assert any(line.startswith("network_ : ") for line in lines)
    assert not any("{parameters}" in line or "{attributes}" in line for line in lines)


def test_objects_have_an_example():
    things = {name: thing for name, (thing, is_member) in OBJECTS.items() if not is_member}
    assert [name for name, thing in things.items() if not has_example(thing)] == []


def test_there_is_something_to_check():
    assert len(OBJECTS) > 100
    assert "sktensornet.TTClassifier.fit" in OBJECTS or "sktensornet.CPClassifier.fit" in OBJECTS


@pytest.mark.parametrize("data", reference.registries())
def test_registries_are_described(data):
    module, name = data
    assert reference.comment_of(module, name)
    text = "\n".join(reference.described(module, name))
    value = getattr(importlib.import_module(module), name)
    assert type(value).__doc__ not in text
    entries = [f"{value:,}"] if isinstance(value, int) else list(value)
    assert entries
    assert [entry for entry in entries if entry not in text] == []


def test_registries_link_to_what_is_exported():
    text = "\n".join(reference.described("sktensornet.solvers", "SOLVERS"))
    assert "- ``'als'``: `sktensornet.solvers.ALS`" in text
