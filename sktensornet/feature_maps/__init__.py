"""Local feature maps: from the columns of a site to its feature vector."""

from ._affine import AffineMap
from ._base import FeatureMap, FittedMap
from ._embedding import EmbeddingMap
from ._fourier import FourierMap
from ._mixed import MixedMap
from ._one_hot import OneHotMap
from ._pca import PCAMap
from ._polynomial import PolynomialMap
from ._quantile import QuantileMap
from ._spline import SplineMap
from ._trigonometric import TrigonometricMap

FEATURE_MAPS: dict[str, type[FeatureMap]] = {
    "affine": AffineMap,
    "embedding": EmbeddingMap,
    "fourier": FourierMap,
    "pca": PCAMap,
    "polynomial": PolynomialMap,
    "quantile": QuantileMap,
    "spline": SplineMap,
    "trigonometric": TrigonometricMap,
    "one_hot": OneHotMap,
}
"""The feature maps by the names that ``feature_map`` takes."""

__all__ = [
    "FEATURE_MAPS",
    "AffineMap",
    "EmbeddingMap",
    "FeatureMap",
    "FittedMap",
    "FourierMap",
    "MixedMap",
    "OneHotMap",
    "PCAMap",
    "PolynomialMap",
    "QuantileMap",
    "SplineMap",
    "TrigonometricMap",
]
