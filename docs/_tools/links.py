"""Check that every link inside the built site leads somewhere."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The anchors of a page, and where it points."""

    def __init__(self):
        super().__init__()
        self.anchors, self.targets = set(), set()

    def handle_starttag(self, tag, attributes):
        for key, value in attributes:
            if key in ("id", "name") and value:
                self.anchors.add(value)
            elif key in ("href", "src") and value:
                self.targets.add(value)


def broken(root: Path):
    """(page, link) of every link within the site without a target."""
    pages = {}
    for path in sorted(root.rglob("*.html")):
        if "_static" in path.relative_to(root).parts:
            continue
        pages[path] = page = _Page()
        page.feed(path.read_text())
    found = []
    for path, page in pages.items():
        # Listings of the source link to the first of the places that document a name.
        if "_modules" in path.relative_to(root).parts:
            continue
        for target in sorted(page.targets):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            where = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            where = where / "index.html" if where.is_dir() else where
            fragment = unquote(parts.fragment)
            is_text = fragment.startswith(":~:") or not fragment
            known = pages.get(where)
            if not where.exists() or (known and not is_text and fragment not in known.anchors):
                found.append((path.relative_to(root).as_posix(), target))
    return found


def check(app, exception):
    """Warn of broken links at the end of a build; ``-W`` makes it fail."""
    from sphinx.util import logging

    logger = logging.getLogger(__name__)
    if exception is None and app.builder.format == "html":
        for page, target in broken(Path(app.outdir)):
            logger.warning("%s: the link %s leads nowhere", page, target, type="links")
