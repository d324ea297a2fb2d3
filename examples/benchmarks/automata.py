"""State tracking: short sequences to learn from, long ones to be tested on.

Training sequences have 2 to 10 steps. Prints a table for each of these::

    python examples/benchmarks/automata.py clean
    python examples/benchmarks/automata.py noise
    python examples/benchmarks/automata.py fresh
    python examples/benchmarks/automata.py real
    python examples/benchmarks/automata.py largest
    python examples/benchmarks/automata.py ranks
    python examples/benchmarks/automata.py peers

"clean" and "noise": addition modulo m (digits 0..m-1, the label is their sum) and random
automata (four symbols, the label is the state at the end; all states are reachable and no two
alike), without and with one label in ten drawn anew. "fresh": thirty automata with such noise
that had no part in the development. "real": targets of planted linear second-order networks,
with noise of a tenth of their deviation (the rank is one more than their states, for the mean
that is taken off the targets). "largest": the label is the largest of the real scores
of a planted automaton. "ranks": the exact rank of the Hankel matrix, the one that the closed
form finds, and the least with which gradients explain all training labels. "peers": an LSTM and
two layers of a diagonal linear state space model of `torch` (see requirements.txt beside this
file) on the data of "clean". ``--markdown`` writes the tables of the documentation.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from sktensornet import TTClassifier, TTRegressor
from sktensornet.automata import Automaton, hankel_rank
from sktensornet.feature_maps import PolynomialMap
from sktensornet.solvers import Spectral

N_SYMBOLS, LENGTHS = 4, (10, 100, 500)
ADDITIONS, AUTOMATA = (2, 3, 5, 10, 25), (5, 10, 25)
MOST_FOR_RANKS = 6_000
LEARNT = 0.999
"""Of the training labels, to say that a rank learns them."""
SPREAD = 0.5
"""Of what a real step adds to a transition of the planted networks."""


def task(name: str, seed: int) -> np.ndarray:
    """Where each symbol leads from each state, (n_symbols, n_states)."""
    kind, _, size = name.partition(":")
    m = int(size)
    if kind == "addition":
        return (np.arange(m)[:, None] + np.arange(m)) % m
    rng = np.random.default_rng([seed, m])
    while True:
        # The label is the state, so that no two are alike.
        moves = rng.integers(0, m, (N_SYMBOLS, m))
        reached = {0}
        for _ in range(m):
            reached |= set(moves[:, sorted(reached)].ravel().tolist())
        if len(reached) == m:
            return moves


def words(n_symbols: int, n: int, least: int, longest: int, rng: np.random.Generator):
    """Sequences and their lengths, padded with -1."""
    X = rng.integers(0, n_symbols, (n, longest))
    lengths = rng.integers(least, longest + 1, n)
    return np.where(np.arange(longest) < lengths[:, None], X, -1), lengths


def drawn(moves: np.ndarray, n: int, least: int, longest: int, rng: np.random.Generator):
    """Sequences, and the states at their ends."""
    X, lengths = words(len(moves), n, least, longest, rng)
    state = np.zeros(n, int)
    for t in range(longest):
        state = np.where(t < lengths, moves[X[:, t], state], state)
    return X, state


def learnt(moves: np.ndarray, n: int, noise: float, seed: int):
    """Training data and tests of a task."""
    rng = np.random.default_rng([seed, 1])
    X, y = drawn(moves, n, 2, 10, rng)
    wrong = rng.random(len(y)) < noise
    y[wrong] = rng.integers(0, moves.shape[1], wrong.sum())
    return X, y, [drawn(moves, 2000, length, length, rng) for length in LENGTHS]


def spectral(rank: int, seed: int) -> TTClassifier:
    """The closed form; the rank is an upper bound."""
    return TTClassifier(
        rank=rank,
        shared_cores=True,
        feature_map="embedding",
        solver="spectral",
        random_state=seed,
    )


def labels(name: str, seed: int, n: int, noise: float):
    """States that were found, seconds, and accuracies of one task."""
    moves = task(name, seed)
    X, y, tests = learnt(moves, n, noise, seed)
    begin = time.process_time()
    clf = spectral(moves.shape[1] + 3, seed).fit(X, y)
    seconds = time.process_time() - begin
    return clf.network_.ranks[0], seconds, [clf.score(*one) for one in tests]


def orthogonal(n: int, rank: int, rng: np.random.Generator) -> np.ndarray:
    """Random orthogonal matrices."""
    q, r = np.linalg.qr(rng.standard_normal((n, rank, rank)))
    return q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None]


def real(rank: int, seed: int, n: int):
    """R2 of the planted network, and how much that of the fit lacks, at two lengths."""
    rng = np.random.default_rng([seed, rank])
    A = orthogonal(2, rank, rng)
    final = rng.standard_normal(rank)

    def sample(n: int, least: int, longest: int):
        X = rng.uniform(-1, 1, (n, longest))
        lengths = rng.integers(least, longest + 1, n)
        state = np.broadcast_to(np.eye(rank)[0], (n, rank))
        for t in range(longest):
            after = state @ A[0] + SPREAD * X[:, t, None] * (state @ A[1])
            after /= (1 + SPREAD**2 / 3) ** 0.5
            state = np.where((t < lengths)[:, None], after, state)
        X[np.arange(longest) >= lengths[:, None]] = np.nan
        return X, state @ final

    X, clean = sample(n, 2, 10)
    noise = 0.1 * clean.std()
    reg = TTRegressor(
        rank=rank + 1,
        shared_cores=True,
        feature_map=PolynomialMap(),
        solver="spectral",
        random_state=seed,
    )
    begin = time.process_time()
    reg.fit(X, clean + noise * rng.standard_normal(n))
    seconds = time.process_time() - begin
    found = []
    for least, longest in ((2, 10), (20, 20)):
        X, clean = sample(2000, least, longest)
        y = clean + noise * rng.standard_normal(2000)
        best = 1 - ((y - clean) ** 2).mean() / y.var()
        found.append((best, best - reg.score(X, y)))
    return seconds, found


def largest(seed: int, n: int, rank: int = 5):
    """Accuracies where the label is the largest score of an orthogonal automaton."""
    rng = np.random.default_rng([seed, 2])
    A = orthogonal(N_SYMBOLS, rank, rng)
    final = rng.standard_normal((rank, rank))

    def sample(n: int, least: int, longest: int):
        X, lengths = words(N_SYMBOLS, n, least, longest, rng)
        state = np.broadcast_to(np.eye(rank)[0], (n, rank))
        for t in range(longest):
            after = np.einsum("nr,nrs->ns", state, A[X[:, t]])
            state = np.where((t < lengths)[:, None], after, state)
        return X, (state @ final).argmax(axis=1)

    X, y = sample(n, 2, 10)
    tests = [sample(2000, length, length) for length in LENGTHS]
    begin = time.process_time()
    clf = spectral(rank, seed).fit(X, y)
    seconds = time.process_time() - begin
    return seconds, [clf.score(*one) for one in tests]


def ranks(name: str, seed: int, n: int):
    """The exact Hankel rank, the one found, and the least that learns."""
    moves = task(name, seed)
    m = moves.shape[1]
    exact = hankel_rank(Automaton(np.eye(m)[0], np.eye(m)[moves], np.eye(m)), prime=101)
    X, y, _ = learnt(moves, n, 0.0, seed)
    found = spectral(m + 3, seed).fit(X, y).network_.ranks[0]
    for rank in range(1, m + 1):
        clf = spectral(rank, seed).set_params(
            solver=Spectral(route="gradient", finite=False, orthogonality=0.0)
        )
        if clf.fit(X, y).score(X, y) > LEARNT:
            return exact, found, rank
    return exact, found, f"more than {m}"


def torch_peer(kind: str, n_symbols: int, epochs: int):
    """A network of torch: ``fit(X, y, n_states, seed)`` gives its ``score(X, y)``."""
    import torch
    from torch import nn

    class Diagonal(nn.Module):
        """h_t = lambda h_{t-1} + B x_t with complex lambda, and a layer of real readouts."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.decay = nn.Parameter(torch.linspace(-6.0, -1.0, width))
            self.angle = nn.Parameter(torch.rand(width) * 6.28)
            self.into = nn.Linear(width, 2 * width)
            self.out = nn.Sequential(nn.Linear(2 * width, width), nn.GELU())

        def forward(self, x):
            u = torch.view_as_complex(self.into(x).reshape(*x.shape[:2], -1, 2).contiguous())
            pole = torch.polar(torch.exp(-torch.exp(self.decay)), self.angle)
            state, states = torch.zeros_like(u[:, 0]), []
            for t in range(x.shape[1]):
                state = pole * state + u[:, t]
                states.append(state)
            return x + self.out(torch.view_as_real(torch.stack(states, 1)).flatten(2))

    class Network(nn.Module):
        def __init__(self, n_states: int, width: int = 64) -> None:
            super().__init__()
            self.embed = nn.Embedding(n_symbols, width)
            self.lstm = nn.LSTM(width, width, batch_first=True) if kind == "LSTM" else None
            self.layers = nn.Sequential(Diagonal(width), Diagonal(width))
            self.head = nn.Linear(width, n_states)

        def forward(self, X):
            x = self.embed(X.clamp(min=0))
            x = self.layers(x) if self.lstm is None else self.lstm(x)[0]
            last = (X >= 0).sum(dim=1) - 1
            return self.head(x[torch.arange(len(X)), last])

    def fit(X, y, n_states, seed):
        torch.manual_seed(seed)
        network = Network(n_states)
        optimiser = torch.optim.Adam(network.parameters(), 3e-3)
        X, y = torch.as_tensor(X), torch.as_tensor(y)
        steps = epochs * -(-len(X) // 128)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(epochs):
            for rows in torch.randperm(len(X)).split(128):
                loss = nn.functional.cross_entropy(network(X[rows]), y[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()

        @torch.no_grad()
        def score(X, y):
            parts = torch.as_tensor(X).split(500)
            found = torch.cat([network(part).argmax(1) for part in parts])
            return float((found == torch.as_tensor(y)).mean(dtype=float))

        return score

    return fit


def peer(name: str, kind: str, seed: int, n: int, epochs: int):
    """Seconds and accuracies of a network of torch."""
    moves = task(name, seed)
    X, y, tests = learnt(moves, n, 0.0, seed)
    begin = time.process_time()
    score = torch_peer(kind, len(moves), epochs)(X, y, moves.shape[1], seed)
    seconds = time.process_time() - begin
    return seconds, [score(*one) for one in tests]


def main() -> None:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = ["clean", "noise", "fresh", "real", "largest", "ranks", "peers"]
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {kinds}; all but peers")
    parser.add_argument("--tasks", nargs="+", help="of clean, noise and peers: addition:M ...")
    parser.add_argument("--n", type=int, default=20_000, help="training sequences")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20, help="of the networks of torch")
    parser.add_argument("--markdown", action="store_true", help="tables for the documentation")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.kinds) - set(kinds)):
        parser.error(f"KIND={unknown[0]!r} must be of {kinds}")
    names = [f"addition:{m}" for m in ADDITIONS] + [f"automaton:{m}" for m in AUTOMATA]
    noisy = [f"addition:{m}" for m in ADDITIONS[:4]] + [f"automaton:{m}" for m in AUTOMATA[:2]]
    seeds, n = range(arguments.seeds), arguments.n

    def row(*cells: object) -> None:
        texts = [f"{one:.3f}" if isinstance(one, float) else str(one) for one in cells]
        line = "| " + " | ".join(texts) + " |" if arguments.markdown else "  ".join(texts)
        print(line, flush=True)

    def head(*cells: str) -> None:
        row(*cells)
        if arguments.markdown:
            row(*["---"] * len(cells))

    def over(results: list[tuple[float, list[float]]]) -> tuple:
        """The longest time and the least accuracies."""
        seconds = max(seconds for seconds, _ in results)
        return (f"{seconds:.1f}", *(min(one) for one in zip(*(s for _, s in results), strict=True)))

    for kind in arguments.kinds or kinds[:-1]:
        print(f"\n{kind}, {arguments.seeds} seeds: the longest time and the least figures\n")
        asked = arguments.tasks or (names if kind in ("clean", "peers") else noisy)
        if kind in ("clean", "noise", "fresh"):
            head("task", "runs", "states found", "seconds", *map(str, LENGTHS))
            of = dict.fromkeys(asked, seeds)
            if kind == "fresh":
                of = {f"automaton:{m}": range(1000 + m, 1000 + m + 15) for m in (5, 10)}
            right = same = runs = 0
            for name, own in of.items():
                found = [labels(name, seed, n, 0.0 if kind == "clean" else 0.1) for seed in own]
                states = sorted({states for states, *_ in found})
                results = [(seconds, scores) for _, seconds, scores in found]
                row(name, len(own), ", ".join(map(str, states)), *over(results))
                runs += len(own)
                right += sum(scores[-1] == 1.0 for *_, scores in found)
                same += sum(one == task(name, 0).shape[1] for one, *_ in found)
            print(
                f"\nright at {LENGTHS[-1]}: {right} of {runs}, exact rank found: {same} of {runs}"
            )
        elif kind == "real":
            head("states", "seconds", "R2 at 2 to 10", "lacks", "R2 at 20", "lacks")
            for rank in (2, 3, 4, 5, 6):
                found = [real(rank, seed, n) for seed in seeds]
                (a, b), (c, d) = np.swapaxes([one for _, one in found], 0, 1).swapaxes(1, 2)
                seconds = max(seconds for seconds, _ in found)
                row(rank, f"{seconds:.1f}", *map(float, (a.min(), b.max(), c.min(), d.max())))
        elif kind == "ranks":
            head("task", "seed", "exact Hankel rank", "rank found", "least rank that learns")
            for name in arguments.tasks or [f"addition:{m}" for m in (2, 3, 5)] + ["automaton:5"]:
                for seed in seeds:
                    row(name, seed, *ranks(name, seed, min(n, MOST_FOR_RANKS)))
        elif kind == "largest":
            head("seconds", *map(str, LENGTHS))
            row(*over([largest(seed, n) for seed in seeds]))
        else:
            head("task", "model", "seconds", *map(str, LENGTHS))
            for name in asked:
                for model in ("LSTM", "diagonal"):
                    row(
                        name,
                        model,
                        *over([peer(name, model, s, n, arguments.epochs) for s in seeds]),
                    )


if __name__ == "__main__":
    main()
