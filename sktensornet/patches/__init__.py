"""Which columns of X form a site."""

from ._base import Patches, SingleColumns, Sites
from ._image import ImagePatches

__all__ = ["ImagePatches", "Patches", "SingleColumns", "Sites"]
