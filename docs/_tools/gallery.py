"""How the gallery runs the examples."""

import tempfile
from pathlib import Path


def arguments(gallery_conf, script_vars):
    """Arguments of a script: its picture goes where nobody looks."""
    return ["--output", str(Path(tempfile.gettempdir(), "sktensornet-gallery.png"))]


PAGE = Path(__file__).parents[1] / "gallery.rst"


def order(path):
    """Place of an example on the page of the gallery, which is from easy to special."""
    return PAGE.read_text().find(Path(path).name)
