"""Where files of version 0.1.0 look for estimators; see `moved`."""

from ._support._version import moved

__getattr__ = moved
