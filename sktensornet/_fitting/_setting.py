"""The grid of penalties and scales on which a choice is made."""

from __future__ import annotations

from dataclasses import dataclass

SCALES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
"""By factors of about two, down to where an interaction costs 400 times an effect; not finer, since
a scale matters less than alpha."""
BELOW, MIDDLE, ABOVE = (1, 0), (2, 3), (4, 5)
"""Of these the ones in the middle are compared first, then those on the better side."""
EXPONENTS = range(2, -13, -1)
"""Penalties of an effect of one column, in half decades."""
SMALL_SCALES, MANY_COLUMNS = (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4), 400
"""Those of tables of so many columns: the kernel of a sample with itself is about exp(2 s^2) to the
power of that number, and says nothing of others where that is large."""
PATCH_SCALES, ORDINARY = (0.05, 0.1, 0.2, 0.5, 0.7, 1.0), 3
"""Those of patches, and the place of the one that others have to beat by fits: for digits the
kernel method's best is .2, with which a train of rank 8 makes twice as many errors."""


@dataclass(frozen=True)
class Setting:
    """A place on the grid: alpha = 10^(exponent / 2), for columns times s^2, unless it is given."""

    exponent: int
    scale: int
    rank: int | None = None
    """From products of features, at this rank; None starts as the plan says."""
    is_glance: bool = False
    """Whether only the first sweeps of such a fit are made."""
    place: int = 0
    """Of the feature map among the models."""

    def leads_to(self, other: Setting) -> bool:
        """Whether a network with this setting can start one with another."""
        alike = self.scale == other.scale and self.place == other.place
        return alike and self.rank is None and other.rank is None
