"""Checks of parameters, optional packages, version, links."""
