"""Local feature maps: from the columns of a site to its feature vector."""

from ._affine import AffineMap
from ._base import FeatureMap, FittedMap
from ._one_hot import OneHotMap
from ._pca import PCAMap
from ._polynomial import PolynomialMap
from ._trigonometric import TrigonometricMap

FEATURE_MAPS: dict[str, type[FeatureMap]] = {
    "affine": AffineMap,
    "pca": PCAMap,
    "polynomial": PolynomialMap,
    "trigonometric": TrigonometricMap,
    "one_hot": OneHotMap,
}

__all__ = [
    "FEATURE_MAPS",
    "AffineMap",
    "FeatureMap",
    "FittedMap",
    "OneHotMap",
    "PCAMap",
    "PolynomialMap",
    "TrigonometricMap",
]
