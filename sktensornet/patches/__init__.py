"""Which columns of X form a site."""

from ._base import Patches, SingleColumns, Sites
from ._image import ImagePatches
from ._pad import pad_sequences
from ._sequence import SequencePatches

__all__ = ["ImagePatches", "Patches", "SequencePatches", "SingleColumns", "Sites", "pad_sequences"]
