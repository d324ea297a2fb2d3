"""Feature maps as nodes: from sites (n_samples, d, p) to features of each site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._arrays._typing import FloatArray
from ..feature_maps import FittedMap
from ..feature_maps._affine import FittedAffineMap
from ..feature_maps._base import LIMIT
from ..feature_maps._embedding import FittedEmbeddingMap
from ..feature_maps._fourier import FittedFourierMap
from ..feature_maps._missing import FittedMissingMap
from ..feature_maps._mixed import FittedMixedMap
from ..feature_maps._one_hot import FittedOneHotMap
from ..feature_maps._pca import FittedPCAMap
from ..feature_maps._polynomial import FittedPolynomialMap
from ..feature_maps._quantile import FittedQuantileMap
from ..feature_maps._spline import FittedSplineMap
from ..feature_maps._trigonometric import FittedTrigonometricMap
from ..patches import Sites
from ._graph import Graph


def add_features(graph: Graph, fitted: FittedMap, sites: Sites, X: str) -> list[str]:
    """The features (n_samples, m_k) of every site, by name.

    Raises
    ------
    ValueError
        If the map, or one that it is made of, is none of the package's.
    """
    values = graph("Gather", X, sites.columns.ravel(), axis=1)
    return _add_map(graph, fitted, graph("Reshape", values, [0, *sites.columns.shape]))


def add_lengths(graph: Graph, fitted: FittedMap, sites: Sites, X: str) -> str:
    """The number of sites (n_samples, 1) before an end that is missing, as int64."""
    d, p = sites.columns.shape
    values = graph("Gather", X, sites.columns.ravel(), axis=1)
    if isinstance(fitted, FittedEmbeddingMap):
        there = graph("GreaterOrEqual", values, 0.0)
    else:
        there = graph("Not", graph("IsNaN", values))
    numbers = graph("Mul", graph.cast(there, np.int64), np.arange(1, d + 1).repeat(p))
    return graph("ReduceMax", numbers, np.array([1]), keepdims=1)


def _add_map(graph: Graph, fitted: FittedMap, x: str) -> list[str]:
    if isinstance(fitted, FittedMissingMap):
        return _missing(graph, fitted, x)
    convert = _CONVERTERS.get(type(fitted))
    if convert is None:
        known = ", ".join(sorted(cls.__name__.removeprefix("Fitted") for cls in _CONVERTERS))
        raise ValueError(f"feature_map_={fitted!r} has no form in ONNX; to_onnx supports {known}.")
    return convert(graph, fitted, x)


def _row(array: FloatArray) -> FloatArray:
    """What belongs to each site, (d, 1, p), next to samples, (d, p)."""
    return array[:, 0] if array.ndim == 3 else array


def _standardise(
    graph: Graph, x: str, mean: FloatArray, deviation: FloatArray, missing: Any = 0.0
) -> str:
    """Centred and scaled values; `missing` stands for NaN, in these units."""
    z = graph("Div", graph.subtract(x, _row(mean)), _row(deviation))
    return graph("Clip", graph.fill_nan(z, missing), -LIMIT, LIMIT)


def _with_constant(graph: Graph, features: str, n_axes: int = 3) -> str:
    """Features along the last axis, after a one."""
    pads = np.zeros(2 * n_axes, int)
    pads[n_axes - 1] = 1
    return graph("Pad", features, pads, 1.0)


def _silence(graph: Graph, missing: str, features: str) -> str:
    return graph("Where", missing, 0.0, features)


def _by_site(graph: Graph, features: str, d: int) -> list[str]:
    """Features (n_samples, d, m) of all sites apart."""
    return [graph("Gather", features, k, axis=1) for k in range(d)]


def _interleave(graph: Graph, parts: list[str], d: int, size: int) -> str:
    """Arrays (n_samples, d, p) as one, (n_samples, d, size), the parts innermost."""
    stacked = graph("Concat", *(graph.unsqueeze(part, -1) for part in parts), axis=-1)
    return graph("Reshape", stacked, [0, d, size])


def _affine(graph: Graph, fitted: Any, x: str) -> list[str]:
    matrix, offset = fitted.parameters
    means = (_row(fitted.column_means) - _row(fitted.mean)) / _row(fitted.scale)
    z = _standardise(graph, x, fitted.mean, fitted.scale, means)
    hidden = graph("Add", graph("MatMul", z, matrix), offset)
    operator = {"relu": "Relu", "tanh": "Tanh", "identity": "Identity"}[fitted.activation]
    hidden = graph(operator, hidden)
    if len(matrix) == 1:
        hidden = _silence(graph, graph("IsNaN", x), hidden)
    return _by_site(graph, _with_constant(graph, hidden), len(fitted.mode_sizes))


def _pca(graph: Graph, fitted: Any, x: str) -> list[str]:
    z = _standardise(graph, x, fitted.mean, fitted.deviation)
    components = graph("MatMul", z, fitted.scale * fitted.components)
    parts = [components]
    if fitted.modulus is not None:
        moduli = graph.subtract(graph("Abs", components), fitted.scale * fitted.modulus)
        parts.append(graph("Div", moduli, fitted.modulus_deviation))
    features = _with_constant(graph, graph("Concat", *parts, axis=2))
    return _by_site(graph, features, len(fitted.mode_sizes))


def _polynomial(graph: Graph, fitted: Any, x: str) -> list[str]:
    d = len(fitted.mode_sizes)
    z = graph("Mul", _standardise(graph, x, fitted.mean, fitted.deviation), fitted.scale)
    powers = [z]
    while len(powers) < fitted.degree:
        powers.append(graph("Mul", powers[-1], z))
    features = _interleave(graph, powers, d, fitted.mode_sizes[0] - 1)
    return _by_site(graph, _with_constant(graph, features), d)


def _trigonometric(graph: Graph, fitted: Any, x: str) -> list[str]:
    d = len(fitted.mode_sizes)
    low, width = _row(fitted.low), _row(fitted.width)
    z = graph("Div", graph.subtract(x, low), width)
    z = graph.fill_nan(z, (_row(fitted.fill) - low) / width)
    angle = graph("Mul", graph("Clip", z, 0.0, 1.0), fitted.scale * np.pi)
    waves = [graph("Cos", angle), graph("Sin", angle)]
    features = _interleave(graph, waves, d, fitted.mode_sizes[0])
    if fitted.means:
        features = graph("Where", graph("IsNaN", x), np.stack(fitted.means), features)
    return _by_site(graph, features, d)


def _fourier(graph: Graph, fitted: Any, x: str) -> list[str]:
    d = len(fitted.mode_sizes)
    missing = graph("IsNaN", x)
    low, width = fitted.low[:, None], fitted.width[:, None]
    u = graph.subtract(x, low)
    if fitted.periodic:
        u = graph.remainder(u, width)
    u = graph("Div", u, width)
    u = _silence(graph, missing, u)
    orders = np.pi * np.arange(1, fitted.n_frequencies + 1)
    if fitted.periodic:
        angle = graph("Mul", graph("Sub", u, graph("Floor", u)), 2 * orders)
        waves = [graph("Cos", angle), graph("Sin", angle)]
        features = _interleave(graph, waves, d, fitted.mode_sizes[0] - 1)
    else:
        features = graph("Cos", graph("Mul", graph("Clip", u, 0.0, 1.0), orders))
    features = _silence(graph, missing, graph("Mul", features, fitted.scale * 2**0.5))
    return _by_site(graph, _with_constant(graph, features), d)


def _one_hot(graph: Graph, fitted: Any, x: str) -> list[str]:
    features = []
    for k, categories in enumerate(fitted.categories):
        rounded = categories.astype(graph.dtype)
        if len(np.unique(rounded)) < len(categories):
            raise ValueError(
                f"dtype={graph.dtype.name!r} cannot tell all categories of site {k} apart; pass "
                "dtype='float64'."
            )
        hot = graph.cast(graph("Equal", graph("Gather", x, k, axis=1), rounded), graph.dtype)
        features.append(_with_constant(graph, graph("Mul", hot, fitted.scale), 2))
    return features


def _embedding(graph: Graph, fitted: Any, x: str) -> list[str]:
    d, n = len(fitted.mode_sizes), fitted.n_tokens
    table = fitted.parameters[0] if fitted.parameters else np.eye(n)
    # What is missing has a row of its own; what is no token is outside the table.
    rows = np.pad(table.astype(np.float64), ((0, 1), (1, 0)))
    rows[:, 0] = 1.0
    known = graph("GreaterOrEqual", x, 0.0)
    ids = graph.cast(graph("Where", known, x, float(n)), np.int64)
    wrong = graph("And", known, graph("GreaterOrEqual", x, float(n)))
    ids = graph("Where", wrong, n + 1, ids)
    features = graph("Gather", rows, graph("Squeeze", ids, np.array([2])), axis=0)
    return _by_site(graph, features, d)


def _quantile(graph: Graph, fitted: Any, x: str) -> list[str]:
    features = []
    for k, (knots, heights) in enumerate(zip(fitted.knots, fitted.heights, strict=True)):
        value = graph("Gather", x, k, axis=1)
        missing = graph("IsNaN", value)
        # A broken line is the sum of what it climbs between its knots.
        inside = graph("Max", graph.subtract(_silence(graph, missing, value), knots[:-1]), 0.0)
        share = graph("Div", graph("Min", inside, np.diff(knots)), np.diff(knots))
        z = graph("Add", graph("MatMul", share, np.diff(heights)[:, None]), heights[0])
        z = _silence(graph, missing, graph("Mul", z, fitted.scale))
        powers = [z]
        while len(powers) < fitted.degree:
            powers.append(graph("Mul", powers[-1], z))
        features.append(_with_constant(graph, graph("Concat", *powers, axis=-1), 2))
    return features


def _spline(graph: Graph, fitted: Any, x: str) -> list[str]:
    features = []
    for k, (knots, mean) in enumerate(zip(fitted.knots, fitted.means, strict=True)):
        value = graph("Gather", x, k, axis=1)
        parts = []
        if fitted.linear:
            parts.append(_standardise(graph, value, fitted.centre[k], fitted.deviation[k]))
        if len(mean):
            missing = graph("IsNaN", value)
            known = _silence(graph, missing, value)
            basis = graph("Sub", _basis(graph, known, knots, fitted.degree), mean)
            smooth = graph("MatMul", basis, fitted.mixings[k])
            parts.append(_silence(graph, missing, smooth))
        scaled = graph("Mul", graph("Concat", *parts, axis=-1), fitted.scale)
        features.append(_with_constant(graph, scaled, 2))
    return features


def _basis(graph: Graph, value: str, knots: FloatArray, degree: int) -> str:
    """All B-splines by the recursion of Cox and de Boor, (n_samples, n_splines)."""
    low, high = knots[0], knots[-1]
    # Above each knot, for values limited to the range of the knots.
    above = graph("Max", graph.subtract(value, knots), low - knots)
    above = graph("Min", above, high - knots)

    def at(first: int, n: int) -> str:
        return graph("Gather", above, np.arange(first, first + n), axis=1)

    n = len(knots) - 1
    ends = np.where(knots[1:] == high, np.inf, 0.0)
    ends[knots[:-1] == high] = -np.inf
    inside = graph("And", graph("GreaterOrEqual", at(0, n), 0.0), graph("Less", at(1, n), ends))
    basis = graph.cast(inside, graph.dtype)
    for order in range(1, degree + 1):
        width = knots[order:] - knots[:-order]
        slope = np.divide(1.0, width, out=np.zeros_like(width), where=width > 0)
        n = len(knots) - order - 1
        rise = graph("Mul", at(0, n), slope[:-1])
        fall = graph("Mul", graph("Neg", at(order + 1, n)), slope[1:])
        left = graph("Gather", basis, np.arange(n), axis=1)
        right = graph("Gather", basis, np.arange(1, n + 1), axis=1)
        basis = graph("Add", graph("Mul", rise, left), graph("Mul", fall, right))
    return basis


def _mixed(graph: Graph, fitted: Any, x: str) -> list[str]:
    features: list[str] = []
    trained = fitted._own(fitted.parameters)
    for one, group, own in zip(fitted.maps, fitted.groups, trained, strict=True):
        part = graph("Gather", x, group, axis=1)
        features += _add_map(graph, one.with_parameters(own), part)
    return [features[k] for k in fitted.place]


def _missing(graph: Graph, fitted: Any, x: str) -> list[str]:
    features = _add_map(graph, fitted.known.with_parameters(fitted.parameters), x)
    for k in fitted.missing_sites.tolist():
        missing = graph.cast(graph("IsNaN", graph("Gather", x, k, axis=1)), graph.dtype)
        indicator = graph("Mul", missing, fitted.known.scale_at(k))
        features[k] = graph("Concat", features[k], indicator, axis=1)
    return features


_CONVERTERS: dict[type, Callable[[Graph, Any, str], list[str]]] = {
    FittedAffineMap: _affine,
    FittedEmbeddingMap: _embedding,
    FittedFourierMap: _fourier,
    FittedMixedMap: _mixed,
    FittedOneHotMap: _one_hot,
    FittedPCAMap: _pca,
    FittedPolynomialMap: _polynomial,
    FittedQuantileMap: _quantile,
    FittedSplineMap: _spline,
    FittedTrigonometricMap: _trigonometric,
}
