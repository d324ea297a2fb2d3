"""Small random changes of images and series, after which their targets are still the same."""

from ._base import Augmentation
from ._images import RandomFlip, RandomRotation, RandomShift

__all__ = ["Augmentation", "RandomFlip", "RandomRotation", "RandomShift"]
