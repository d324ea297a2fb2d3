"""The way over the grid of penalties and scales, by what fits predict."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ._held_out import HeldOut
from ._setting import EXPONENTS, SCALES, Setting

_FEWEST_TRIALS, _MOST_TRIALS = 3, 8
"""A walk with fewer cannot compare two steps; with more, the choice takes longer than the fit."""
_MOST_SOLVES = 500
"""Solves of cores in all trials: with three folds, three trials of 55 sites."""
_WIDE, _NARROW = 3, Setting(-8, 1)
"""From this scale on the walk first tries the other end: alpha 10^-4 s^2 at s = 0.1."""
_PRODUCTS = Setting(-10, 5)
"""Where fits from products begin: with 4 to 9 rows for each level half a decade less overfits some
folds, one more shrinks."""


def longest_walk(n_folds: int, n_sites: int) -> int:
    """The most trials of a walk over so many sites; 0 where there should be none."""
    most = min(_MOST_TRIALS, _MOST_SOLVES // (n_folds * n_sites))
    return most if most >= _FEWEST_TRIALS else 0


@dataclass(frozen=True)
class Walk:
    """Goes on to settings that predict better, as long as there are any.

    Steps that are likely to be asked for next are fitted beside one another.

    Parameters
    ----------
    trials : HeldOut
        Of settings.
    most : int
        Trials of the walk.
    alpha_is_free, scale_is_free : bool
        What may change.
    """

    trials: HeldOut[Setting]
    most: int
    alpha_is_free: bool
    scale_is_free: bool

    def settled(self, place: Setting) -> Setting:
        """From a setting to the other end of the scales, to another penalty and another scale."""
        trials = self.trials
        far = replace(place, scale=len(SCALES) - 1)
        if place.scale >= _WIDE:
            far = replace(place, scale=_NARROW.scale)
            if self.alpha_is_free:
                far = replace(far, exponent=_NARROW.exponent)
        if self.scale_is_free:
            trials.expect((place, None), (far, None))
        trials.loss(place, 1)
        if self.scale_is_free and trials.gains(far, place):
            place = far
        if self.alpha_is_free:
            smaller = self._climb(place, exponent=-2)
            if smaller == place:
                self._expect_both(place)
            place = smaller if smaller != place else self._climb(place, exponent=2)
        if self.scale_is_free:
            wider = self._climb(place, scale=1)
            place = wider if wider != place else self._climb(place, scale=-1)
        return place

    def by_products(self, place: Setting, least_rank: int, rank: int) -> Setting:
        """That or a setting whose fits begin with products of features, if it predicts better."""
        trials = self.trials
        products = replace(_PRODUCTS, rank=least_rank, place=place.place)
        glance = replace(products, is_glance=True)
        if not trials.loss(glance, 1) < trials.loss(place, 1):
            return place
        trials.loss(products, 1, glance)
        if not trials.gains(products, place):
            return place
        walk = replace(self, most=len(trials) + _FEWEST_TRIALS)
        smaller = walk._climb(products, exponent=-2)
        place = smaller if smaller != products else walk._climb(products, exponent=2)
        while len(trials) < walk.most and least_rank < rank:
            least_rank = min(2 * least_rank, rank)
            larger = replace(place, rank=least_rank)
            if not trials.gains(larger, place):
                break
            place = larger
        return place

    def _climb(self, place: Setting, exponent: int = 0, scale: int = 0) -> Setting:
        while len(self.trials) < self.most:
            after = _step(place, exponent, scale)
            if after is None or not self.trials.gains(after, place):
                break
            place = after
        return place

    def _expect_both(self, place: Setting) -> None:
        """A larger penalty, and a larger scale, which is next where that does not gain."""
        larger, wider = _step(place, exponent=2), _step(place, scale=1)
        has_both = self.scale_is_free and len(self.trials) + 2 <= self.most
        if larger is not None and wider is not None and has_both:
            self.trials.expect((larger, place), (wider, None))


def _step(place: Setting, exponent: int = 0, scale: int = 0) -> Setting | None:
    """A neighbour on the grid, or None at its edge."""
    after = replace(place, exponent=place.exponent + exponent, scale=place.scale + scale)
    inside = after.exponent in EXPONENTS and 0 <= after.scale < len(SCALES)
    return after if inside else None
