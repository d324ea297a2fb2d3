"""Equal cores over samples of other lengths than those of the fit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np

from .._arrays._parallel import chunks
from .._arrays._typing import FloatArray, IntArray
from ..feature_maps import FittedMap
from ..networks import TensorNetwork
from ..networks._reading import Reader, reads_steps, saturated
from ..patches import Sites
from ._model import Model

_BLOCK = 64
"""Steps whose features are made at a time: enough that making them costs little."""
_ROWS = 4096
"""Samples that are read together."""


def scores_of_any_length(
    sites: Sites, feature_map: FittedMap, network: TensorNetwork, X: FloatArray, n_threads: int
) -> FloatArray:
    """Scores of samples with any number of columns that is one of steps.

    Fewer steps than the network has are filled up with missing ones. Of more, a train of
    equal cores reads one after the other; other networks are built anew, where they can be.

    Parameters
    ----------
    sites : Sites
        Those of the fit.
    feature_map : FittedMap
    network : TensorNetwork
        With shared cores.
    X : ndarray of shape (n_samples, n_columns)
    n_threads : int
    """
    own = sites if X.shape[1] == sites_width(sites) else _sites_at(sites, X.shape[1])
    n_sites, fitted = own.n_sites, network.n_sites
    if n_sites < fitted:
        X, own = filled_up(X, own, fitted)
    elif n_sites > fitted and reads_steps(network):
        return _read(own, feature_map, network, X, n_threads)
    elif n_sites > fitted:
        try:
            network = network.with_n_sites(n_sites)
        except ValueError as error:
            raise ValueError(
                f"X has {X.shape[1]} columns, which are {n_sites} steps, and the network was "
                f"fitted to {fitted}: {error}"
            ) from error
        feature_map = feature_map.repeated(n_sites)
    model = Model.from_fitted(own, feature_map, network)
    return model.scores(model.theta_of(network, feature_map), X, n_threads)


def sites_width(sites: Sites) -> int:
    """The number of columns up to the last that sites name."""
    return int(sites.columns.max()) + 1


def _sites_at(sites: Sites, n_columns: int) -> Sites:
    try:
        return sites.at(n_columns)
    except ValueError as error:
        raise ValueError(
            f"X has {n_columns} columns, which are no whole number of steps: {error}"
        ) from error


def filled_up(X: FloatArray, sites: Sites, n_sites: int) -> tuple[FloatArray, Sites]:
    """Samples with a missing column, and sites of nothing else at the end."""
    missing = np.full((len(X), 1), np.nan, X.dtype)
    lacking = np.full((n_sites - sites.n_sites, sites.site_size), X.shape[1])
    return np.hstack([X, missing]), Sites(np.vstack([sites.columns, lacking]))


def steps_of(
    sites: Sites, feature_map: FittedMap, X: FloatArray
) -> Iterator[tuple[FloatArray, np.ndarray]]:
    """The features (n_samples, m) of one step after the other, and where they are missing."""
    bounds = [*range(0, sites.n_sites, _BLOCK), sites.n_sites]
    blocks: dict[int, FittedMap] = {}
    for first, last in pairwise(bounds):
        n = last - first
        one = blocks.setdefault(n, feature_map.repeated(n))
        values = Sites(sites.columns[first:last]).extract(X)
        yield from zip(one.transform(values), one.missing(values), strict=True)


def known_steps(sites: Sites, feature_map: FittedMap, X: FloatArray) -> IntArray:
    """The number of steps of each sample before an end that is missing."""
    known = np.zeros(len(X), np.int64)
    bounds = [*range(0, sites.n_sites, _BLOCK), sites.n_sites]
    for first, last in pairwise(bounds):
        values = Sites(sites.columns[first:last]).extract(X)
        there = ~feature_map.repeated(last - first).missing(values)
        n = last - np.argmax(there[::-1], axis=0)
        known = np.where(there.any(axis=0), n, known)
    return known


def _read(
    sites: Sites, feature_map: FittedMap, network: TensorNetwork, X: FloatArray, n_threads: int
) -> FloatArray:
    """Scores of long samples, step by step; those that end early as any others."""
    dtype, n_outputs = network.dtype, network.n_outputs
    scores = np.empty((len(X), n_outputs), dtype)
    reader = Reader(network)
    for part in chunks(len(X), _ROWS):
        block = X[part].astype(dtype, copy=False)
        known = known_steps(sites, feature_map, block)
        long = known > network.n_sites
        rows = part.start + np.flatnonzero(long)
        scores[rows] = _read_long(reader, sites, feature_map, block[long], known[long])
        if not long.all():
            first = Sites(sites.columns[: network.n_sites])
            model = Model.from_fitted(first, feature_map, network)
            theta = model.theta_of(network, feature_map)
            rows = part.start + np.flatnonzero(~long)
            scores[rows] = model.scores(theta, block[~long], n_threads)
    return scores


def _read_long(
    reader: Reader, sites: Sites, feature_map: FittedMap, X: FloatArray, known: IntArray
) -> FloatArray:
    """Scores of samples of at least two known steps."""
    n_outputs = len(reader.last) if reader.batched else reader.last.shape[-1]
    scores = np.empty((len(X), n_outputs), X.dtype)
    if not len(X):
        return scores
    # The longest first, so that those that still go on are the first rows.
    order = np.argsort(-known, kind="stable")
    known, X = known[order], X[order]
    hidden = exponent = None
    for t, (step, _) in enumerate(steps_of(sites, feature_map, X)):
        going = int(np.searchsorted(-known, -t, side="left"))
        if not going:
            break
        step = np.ascontiguousarray(step[:going])
        if hidden is None or exponent is None:
            hidden, exponent = reader.begin(step)
            continue
        hidden, exponent = hidden[:, :going], exponent[:, :going]
        ending = np.flatnonzero(known[:going] == t + 1)
        if len(ending):
            scores[order[ending]] = reader.scores(
                hidden[:, ending], exponent[:, ending], step[ending]
            )
        hidden, exponent = reader.go_on(hidden, exponent, step)
    return scores


def states_of(
    sites: Sites,
    feature_map: FittedMap,
    network: TensorNetwork,
    X: FloatArray,
    bond: int | None,
    exponents: bool,
) -> Any:
    """States after each step, or at one bond; see `hidden_states` of estimators."""
    reader = Reader(network)
    if reader.batched:
        raise ValueError(
            "hidden_states needs one tensor for all scores, not one of each; use 'joint' for "
            "class_tensors or output_tensors."
        )
    own = _sites_at(sites, X.shape[1]) if X.shape[1] != sites_width(sites) else sites
    last = _bond(bond, own.n_sites)
    known = known_steps(own, feature_map, X)
    shown: list[tuple[FloatArray, IntArray]] = []
    hidden: Any = None
    exponent: Any = None
    for t, (step, _) in enumerate(steps_of(own, feature_map, X)):
        if t == 0:
            hidden, exponent = reader.begin(np.ascontiguousarray(step))
        else:
            after, powers = reader.go_on(hidden, exponent, np.ascontiguousarray(step))
            going = t < known
            hidden = np.where(going[:, None], after, hidden)
            exponent = np.where(going, powers, exponent)
        if last is None or t == last:
            one = hidden if exponents else saturated(hidden, exponent[..., None])
            shown.append((one[0], exponent[0]))
        if t == last:
            break
    if last is not None:
        return shown[0] if exponents else shown[0][0]
    states = np.stack([state for state, _ in shown], axis=1)
    return (states, np.stack([power for _, power in shown], axis=1)) if exponents else states


def _bond(bond: int | None, n_sites: int) -> int | None:
    """The step, counted from 0, after which a bond is."""
    if bond is None:
        return None
    if not isinstance(bond, Integral) or not (1 <= bond <= n_sites or -n_sites <= bond <= -1):
        raise ValueError(f"bond={bond!r} must be an integer from 1 to {n_sites}, or from -1 down.")
    return int(bond) - 1 if bond > 0 else n_sites + int(bond)
