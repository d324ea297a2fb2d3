"""State tracking: short sequences to learn from, long ones to be tested on.

Modular addition (digits 0..m-1, the label is their sum modulo m) and random automata
(four symbols, the label is the state at the end; all states are reachable). Training
sequences have 2 to 10 steps, 2,000 of each length are tested. Beside the spectral solver an
LSTM and two layers of a diagonal linear state space model, if `torch` is installed (see
requirements.txt beside this file), on the same data::

    python examples/benchmarks/automata.py
    python examples/benchmarks/automata.py --tasks addition:25 automaton:25 --seeds 3
    python examples/benchmarks/automata.py --noise 0.1
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec

import numpy as np

from sktensornet import TTClassifier

N_SYMBOLS, LENGTHS = 4, (10, 100, 500)


def task(name: str, seed: int) -> np.ndarray:
    """Where each symbol leads from each state, (n_symbols, n_states)."""
    kind, _, size = name.partition(":")
    m = int(size)
    if kind == "addition":
        return (np.arange(m)[:, None] + np.arange(m)) % m
    rng = np.random.default_rng([seed, m])
    while True:
        moves = rng.integers(0, m, (N_SYMBOLS, m))
        reached = {0}
        for _ in range(m):
            reached |= set(moves[:, sorted(reached)].ravel().tolist())
        if len(reached) == m:
            return moves


def drawn(moves: np.ndarray, n: int, least: int, longest: int, rng: np.random.Generator):
    """Sequences, padded with -1, and the states at their ends."""
    X = rng.integers(0, len(moves), (n, longest))
    lengths = rng.integers(least, longest + 1, n)
    state = np.zeros(n, int)
    for t in range(longest):
        state = np.where(t < lengths, moves[X[:, t], state], state)
    return np.where(np.arange(longest) < lengths[:, None], X, -1), state


def spectral(X, y, n_states, seed):
    """The closed form; the rank is an upper bound."""
    clf = TTClassifier(
        rank=n_states + 3,
        shared_cores=True,
        feature_map="embedding",
        solver="spectral",
        random_state=seed,
    )
    return clf.fit(X, y).score


def torch_peer(kind: str, n_symbols: int, epochs: int):
    """A network of torch with the interface of `spectral`."""
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
            self.lstm = nn.LSTM(width, width, batch_first=True) if kind == "lstm" else None
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
            return float(
                (network(torch.as_tensor(X)).argmax(1) == torch.as_tensor(y)).mean(dtype=float)
            )

        return score

    return fit


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description=__doc__.splitlines()[0])
    names = [f"addition:{m}" for m in (2, 3, 5, 10)] + [f"automaton:{m}" for m in (5, 10)]
    parser.add_argument("--tasks", nargs="+", default=names, help="addition:M or automaton:M")
    parser.add_argument("--n", type=int, default=20_000, help="training sequences")
    parser.add_argument("--noise", type=float, default=0.0, help="share of labels drawn anew")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=20, help="of the networks of torch")
    parser.add_argument("--without-torch", action="store_true")
    arguments = parser.parse_args()
    peers = {"spectral": None}
    if not arguments.without_torch:
        if find_spec("torch"):
            peers |= {"LSTM": "lstm", "diagonal": "diagonal"}
        else:
            print("torch is not installed: without LSTM and diagonal state space model")
    print("task, model, seed, seconds of fit, accuracy at", *LENGTHS)
    for name in arguments.tasks:
        for seed in range(arguments.seeds):
            moves = task(name, seed)
            n_states = moves.shape[1]
            rng = np.random.default_rng([seed, 1])
            X, y = drawn(moves, arguments.n, 2, 10, rng)
            wrong = rng.random(len(y)) < arguments.noise
            y[wrong] = rng.integers(0, n_states, wrong.sum())
            tests = [drawn(moves, 2000, length, length, rng) for length in LENGTHS]
            for model, kind in peers.items():
                fit = spectral
                if kind is not None:
                    fit = torch_peer(kind, len(moves), arguments.epochs)
                begin = time.perf_counter()
                score = fit(X, y, n_states, seed)
                seconds = time.perf_counter() - begin
                found = " ".join(f"{score(*one):.3f}" for one in tests)
                print(f"{name:13} {model:9} {seed} {seconds:6.1f}  {found}", flush=True)


if __name__ == "__main__":
    main()
