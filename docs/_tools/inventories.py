"""Inventories of other projects' documentation, from a list kept here: no network."""

import tomllib
import zlib
from pathlib import Path

DATA = Path(__file__).parents[1] / "inventories.toml"
HEADER = (
    "# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
    "# The remainder of this file is compressed using zlib.\n"
)


def data():
    """What `DATA` says: for each project its root, and places of its names."""
    return tomllib.loads(DATA.read_text())


def entries(places):
    """Lines of an inventory: name, kind, priority, place, and the name to show."""
    for place, names in places.items():
        kind, url = place.split(" ", 1)
        domain = "std" if kind == "term" else "py"
        for name in names:
            yield f"{name} {domain}:{kind} 1 {url.format(name=name)} -"


def write(folder: Path):
    """Write the inventories; what ``intersphinx_mapping`` says of them."""
    folder.mkdir(exist_ok=True, parents=True)
    mapping = {}
    for project, entry in data().items():
        body = "".join(f"{line}\n" for line in entries(entry["objects"]))
        content = HEADER.format(project=project).encode() + zlib.compress(body.encode())
        path = folder / f"{project}.inv"
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
        mapping[project] = (entry["root"], str(path))
    return mapping
