"""What comes before an estimator: text as a matrix of token ids."""

from ._tokens import TokenEncoder

__all__ = ["TokenEncoder"]
