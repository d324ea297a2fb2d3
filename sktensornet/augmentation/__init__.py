"""Small random changes of images and series after which their targets are still right."""

from ._base import Augmentation
from ._images import RandomFlip, RandomShift
from ._series import Jitter, RandomScaling, RandomTimeShift
from ._warps import RandomAffine, RandomElastic, RandomRotation

__all__ = [
    "Augmentation",
    "Jitter",
    "RandomAffine",
    "RandomElastic",
    "RandomFlip",
    "RandomRotation",
    "RandomScaling",
    "RandomShift",
    "RandomTimeShift",
]
