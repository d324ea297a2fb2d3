"""Configuration of the documentation: ``python -m sphinx -W docs docs/_build/html``."""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_tools")]
# The pages of the gallery lie one folder below the root; so does this link.
os.environ["SKTENSORNET_DOCS"] = ".."

import inventories  # noqa: E402
import links  # noqa: E402
import parameters  # noqa: E402
import reference  # noqa: E402

import sktensornet  # noqa: E402

project = "sktensornet"
author = "the sktensornet developers"
copyright = author
version = release = sktensornet.__version__

extensions = [
    "mathml",
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = [
    "_build",
    "_tools",
    "pictures",
    *(
        f"benchmarks/{part}.md"
        for part in ("gpu", "imdb", "mnist", "mnist_wide", "mnist_changed", "series")
    ),
    "benchmarks/tabular.md",
    *(f"benchmarks/tabular_{part}.md" for part in ("ranks", "confirming", "seconds")),
    *(f"benchmarks/tabular_{part}.md" for part in ("log_loss", "accuracy", "rmse")),
]
default_role = "py:obj"
nitpicky = True
smartquotes = False
toc_object_entries_show_parents = "hide"
# Names in single backticks are links where they can be, and code where not.
nitpick_ignore_regex = [("py:obj", ".*")]
intersphinx_mapping = inventories.write(HERE / "api" / "inventories")
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
# Types are links where the words say which; all else is text.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {
    "DataFrame": "pandas.DataFrame",
    "RandomState": "numpy.random.RandomState",
    "array-like": ":term:`numpy:array_like`",
    "bool": ":class:`python:bool`",
    "ndarray": "numpy.ndarray",
} | {
    name: f"{module}.{name}"
    for module, name, thing in reference.public_objects()
    if isinstance(thing, type)
}

plot_formats = ["svg"]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_rcparams = {"figure.dpi": 100, "svg.fonttype": "path", "font.size": 10}
plot_apply_rcparams = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"/benchmarks/",
    "within_subsection_order": "FileNameSortKey",
    "minigallery_sort_order": "gallery.order",
    "reset_argv": "gallery.arguments",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "plot_gallery": True,
    "abort_on_example_error": True,
    "backreferences_dir": "api/backreferences",
    "doc_module": ("sktensornet",),
    "thumbnail_size": (800, 500),
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "sktensornet"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_favicon = "_static/logo.svg"
html_show_sphinx = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {
        "text": "sktensornet",
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
    },
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "default",
    "pygments_dark_style": "github-dark",
}
html_sidebars = {
    "auto_examples/*": [],
    "gallery": [],
    "getting_started": [],
    "theory": [],
    "parameters": [],
    "benchmarks/index": [],
    "changelog": [],
    "citing": [],
    "glossary": [],
    "related": [],
}


def skip_foreign(app, what, name, member, skip, options):
    """Leave out what scikit-learn generates; its pages need its own references."""
    module = getattr(member, "__module__", None) or ""
    shown = name in ("score",)
    return True if module.startswith("sklearn") and not shown else None


def drop_foreign_references(app, what, name, member, options, lines):
    """Make text of the references of scikit-learn to its own user guide."""
    if name.endswith(".score"):
        lines[:] = [re.sub(r":ref:`([^`<]+?)\s*<[^>]+>`", r"\1", line) for line in lines]


def describe_data(app, what, name, data, options, lines):
    """Say of data what the source says of them, not what their type says of itself."""
    module, _, own = name.replace("::", ".").rpartition(".")
    if what == "data" and (module, own) in reference.registries():
        lines[:] = reference.described(module, own)


def setup(app):
    app.connect("autodoc-process-docstring", describe_data)
    app.connect("autodoc-process-docstring", drop_foreign_references, priority=100)
    app.connect("config-inited", lambda app, config: reference.write(HERE / "api"))
    app.connect("config-inited", lambda app, config: parameters.write(HERE / "api"))
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("build-finished", links.check)
