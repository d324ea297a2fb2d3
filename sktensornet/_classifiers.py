"""Where files of version 0.1.0 look for estimators; see `moved`."""

__all__: list[str] = []
