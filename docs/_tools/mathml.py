"""Formulas as MathML, which browsers render themselves: no script, no network."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)
UNKNOWN = {r"\\dots\b": r"\\ldots", r"\\[bB]ig\b": ""}
"""Commands that docutils does not know, and what stands for them."""


def formula(node, block: bool) -> str:
    """MathML of a formula; a warning and its source where it cannot be had."""
    source = node.astext().strip()
    for said, meant in UNKNOWN.items():
        source = re.sub(said, meant, source)
    if block and "\\\\" in source and "\\begin" not in source:
        source = f"\\begin{{aligned}}{source}\\end{{aligned}}"
    try:
        return tex2mathml(source, as_block=block)
    except MathError as error:
        logger.warning("formula %s: %s", source, error, location=node, type="math")
        return f"<code>{source}</code>"


def visit_inline(translator, node):
    """Write a formula within a line."""
    translator.body.append(formula(node, block=False))
    raise nodes.SkipNode


def visit_block(translator, node):
    """Write a formula of its own."""
    translator.body.append(f'<div class="formula">{formula(node, block=True)}</div>')
    raise nodes.SkipNode


def setup(app):
    """Make it a choice of ``html_math_renderer``."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True}
