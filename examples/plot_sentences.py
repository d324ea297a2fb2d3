"""
=====================================
Sentences in which every "not" counts
=====================================

"It is not bad" is praise though "bad" is in it, and "I would not say that it is not
dull" is none. Counts of words cannot tell, and pairs of neighbours only where the
"not" stands right before. A tensor train with shared cores is a recurrent network: it
reads word by word and turns its opinion around wherever it has to. Run it with::

    python examples/plot_sentences.py
"""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sktensornet import TTClassifier
from sktensornet.preprocessing import TokenEncoder

quick = "--quick" in sys.argv

# %%
# Sentences
# ---------
# Made by a small grammar, with up to three negations in places of their own. The
# sentence praises if the adjective does and the number of negations is even.

rng = np.random.default_rng(0)
GOOD = ["good", "great", "funny", "clever", "moving", "lovely"]
BAD = ["bad", "dull", "awful", "silly", "weak", "boring"]
FRAMES = ["i would{} say that the {} is{} {}", "it is{} true that this {} was{} {}"]
THINGS = ["film", "book", "play", "story", "song"]


def sentence():
    """A sentence, and whether it praises."""
    word = rng.choice(GOOD + BAD)
    nots = rng.binomial(1, 0.4, size=3)
    text = FRAMES[rng.integers(2)].format(
        " not" * nots[0], rng.choice(THINGS), " not" * nots[1], "at all " * nots[2] + word
    )
    if nots[2]:
        text = "nobody thinks that " + text
    return text, (word in GOOD) == bool(nots.sum() % 2 == 0)


texts, praises = zip(*[sentence() for _ in range(3000)], strict=True)
texts_train, texts_test, y_train, y_test = train_test_split(texts, praises, random_state=0)
for text, praise in list(zip(texts, praises, strict=True))[:4]:
    print("+" if praise else "-", text)

# %%
# Readers
# -------
# `TokenEncoder` numbers the words and pads the sentences. Words that are rare or new
# share one number. Each word gets a trained vector, `feature_map="embedding"`, and
# ``shared_cores=True`` reads all places by the same core, whatever their number.

sizes = [250, 750] if quick else [125, 250, 500, 1000, 2250]
readers = {
    "tensor train, rank 8": make_pipeline(
        TokenEncoder(),
        TTClassifier(
            rank=8,
            feature_map="embedding",
            shared_cores=True,
            solver="lbfgs",
            max_iter=300,
            tol=1e-5,
            random_state=0,
        ),
    ),
    "words and pairs, logistic": make_pipeline(
        CountVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000)
    ),
    "words, logistic": make_pipeline(CountVectorizer(), LogisticRegression(max_iter=1000)),
}
accuracies = {name: [] for name in readers}
for size in sizes:
    for name, reader in readers.items():
        reader.fit(texts_train[:size], y_train[:size])
        accuracies[name].append(reader.score(texts_test, y_test))
        print(f"{size:5} sentences, {name:26} {accuracies[name][-1]:.3f}")

# %%
# How its opinion changes
# -----------------------
# The probability of praise after each word, of three new sentences: the reader that has
# seen most is asked after each word of them.

asked = [
    "i would not say that the film is not lovely",
    "nobody thinks that it is true that this book was at all clever",
    "it is not true that this opera was dull",
]
train = readers["tensor train, rank 8"]
figure, axes = plt.subplots(
    4, 1, figsize=(8.5, 7.2), height_ratios=[2.4, 1, 1, 1], layout="constrained"
)
for (name, values), colour in zip(accuracies.items(), ["#3b6ea8", "#c8553d", "0.6"], strict=True):
    axes[0].semilogx(sizes, values, "o-", lw=2, color=colour, label=name)
axes[0].set(xlabel="sentences to learn from", ylabel="accuracy", title="Sentences that are new")
axes[0].set_xticks(sizes, sizes)
axes[0].minorticks_off()
axes[0].legend(frameon=False)
axes[0].spines[["top", "right"]].set_visible(False)
for axis, text in zip(axes[1:], asked, strict=True):
    words = text.split()
    parts = [" ".join(words[: k + 1]) for k in range(len(words))]
    praise = train.predict_proba(parts)[:, 1]
    axis.bar(range(len(words)), praise - 0.5, color=np.where(praise > 0.5, "#3b6ea8", "#c8553d"))
    axis.set_xticks(range(len(words)), words, fontsize=9)
    axis.set(ylim=(-0.55, 0.55))
    axis.set_yticks([-0.5, 0.5], ["-", "+"])
    axis.tick_params(length=0)
    axis.axhline(0, color="0.7", lw=1)
    axis.spines[:].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer sentences")
parser.add_argument("--output", default="sentences.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
