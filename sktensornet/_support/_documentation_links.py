"""Where the documentation is, for the HTML representation of estimators."""

from __future__ import annotations

import os

DOCS_VARIABLE = "SKTENSORNET_DOCS"
"""Environment variable with the root of the HTML documentation, a URL or a path.

In notebooks the question mark of an estimator, and the names of its parameters,
then link there. Without it there are no links.
"""


class DocumentationLinkMixin:
    """Link to the documentation that `DOCS_VARIABLE` names, if it names any."""

    @property
    def _doc_link_module(self) -> str:
        return "sktensornet" if os.environ.get(DOCS_VARIABLE) else ""

    @property
    def _doc_link_template(self) -> str:
        root = os.environ.get(DOCS_VARIABLE, "").rstrip("/")
        # Braces of the root are its own; scikit-learn fills in those of the rest.
        root = root.replace("{", "{{").replace("}", "}}")
        return root + "/api/generated/{estimator_module}.{estimator_name}.html"
