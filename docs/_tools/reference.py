"""The pages of the API reference, from what the package exports."""

import ast
import importlib
import importlib.util
import inspect
import itertools
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


def heading(title, mark):
    """A title and what goes below."""
    return [title, mark * len(title), ""]


def tables(module, options=()):
    """What a module says of itself, and the table of what it exports."""
    lines = [inspect.getdoc(importlib.import_module(module)) or "", ""]
    lines += [f".. currentmodule:: {module}", "", ".. autosummary::"]
    lines += [f"   {option}" for option in (":nosignatures:", *options)] + [""]
    lines += [f"   {name}" for owner, name, _ in public_objects() if owner == module]
    return [*lines, ""]


def pages():
    """The text of the index of the reference, and of a page for each module."""
    lines = heading("API reference", "=")
    lines += [
        "Everything that the package exports. What is not listed here may change",
        "without notice. Estimators also have the methods of scikit-learn, such as",
        "``get_params``, ``set_params`` and ``set_callbacks``, and :doc:`a table of their",
        "parameters <parameters>`.",
        "",
        ".. toctree::",
        "   :hidden:",
        "",
        "   parameters",
        *(f"   module_{module}" for module in public_modules()),
        "",
    ]
    found = {}
    for module in public_modules():
        lines += heading(module, "-") + tables(module)
        own = tables(module, [":toctree: generated"])
        found[f"module_{module}"] = "\n".join(heading(module, "=") + own)
    return found | {"index": "\n".join(lines)}


def write(folder: Path):
    """Write the pages, unless they are there."""
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        write_if_new(folder / f"{name}.rst", text)


def write_if_new(path: Path, text: str):
    """Write a file, and leave it alone if it says so already."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def registries():
    """(module, name) of the exported objects that are data."""
    return [(module, name) for module, name, thing in public_objects() if not callable(thing)]


def comment_of(module, name):
    """The string below the assignment of a name, in the module that it comes from."""
    owner = importlib.import_module(module)
    tree = ast.parse(inspect.getsource(owner))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and name in [one.name for one in node.names]:
            source = importlib.util.resolve_name(
                "." * node.level + (node.module or ""), owner.__package__
            )
            return comment_of(source, name)
    for node, following in itertools.pairwise(tree.body):
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            value = getattr(following, "value", None)
            return value.value if isinstance(value, ast.Constant) else None
    return None


def described(module, name):
    """What the page of an object that is data says: the string below it, and its value."""
    value = getattr(importlib.import_module(module), name)
    lines = [*(comment_of(module, name) or "").splitlines(), ""]
    if isinstance(value, int):
        lines += [f"Its value is {value:,}.", ""]
    if isinstance(value, dict):
        lines += [f"- ``{key!r}``: `{_class_name(thing)}`" for key, thing in value.items()]
    if isinstance(value, tuple):
        lines += [f"- ``{thing}``" for thing in value]
    return [*lines, ""]


def _class_name(thing):
    """The name of a class or of that of an object, in full if it is exported."""
    kind = thing if isinstance(thing, type) else type(thing)
    exported = [f"{module}.{name}" for module, name, known in public_objects() if known is kind]
    return exported[0] if exported else kind.__name__
