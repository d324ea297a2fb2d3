"""The three formats as diagrams: boxes are cores, lines are sums over an index."""

import matplotlib.pyplot as plt
from matplotlib.patches import Circle

TT, HT, CP, SITE, OUT = "#3b6ea8", "#c8553d", "#5b8c5a", "#e8e3d9", "#333333"
figure, axes = plt.subplots(1, 3, figsize=(10.5, 4.1), layout="constrained")


def node(axis, x, y, colour, text="", size=0.3):
    axis.add_patch(Circle((x, y), size, facecolor=colour, edgecolor="white", lw=1.5, zorder=3))
    axis.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        zorder=4,
        size=9,
        color="white" if colour != SITE else "#333333",
    )


def line(axis, a, b, **style):
    axis.plot([a[0], b[0]], [a[1], b[1]], color="#777777", zorder=1, **({"lw": 1.6} | style))


def sites(axis, colour):
    for k in range(4):
        node(axis, k, 0, SITE, f"$f(x_{k + 1})$", 0.36)


def finish(axis, title, text, colour):
    axis.set(xlim=(-0.6, 3.6), ylim=(-1.2, 4.3), aspect="equal")
    axis.text(1.5, 3.95, title, color=colour, weight="bold", size=11, ha="center")
    axis.text(1.5, -0.55, text, ha="center", va="top", size=9, color="#333333")
    axis.set_axis_off()


chain, tree, sum_ = axes
for k in range(4):
    line(chain, (k, 0), (k, 1.4))
    if k:
        line(chain, (k - 1, 1.4), (k, 1.4), lw=3)
        chain.text(k - 0.5, 1.53, "$r$", ha="center", size=9)
    node(chain, k, 1.4, TT, f"$G_{k + 1}$")
chain.text(-0.12, 0.75, "$m$", ha="right", size=9)
line(chain, (2, 1.4), (2, 2.5))
chain.text(2, 2.65, "scores, one per class", ha="center", size=9)
sites(chain, TT)
finish(chain, "tensor train", "recurrent: reads part by part\n" r"$d\,m\,r^2$ numbers", TT)

for k in range(4):
    line(tree, (k, 0), (k, 1.0))
    node(tree, k, 1.0, HT, f"$U_{k + 1}$")
for x, left in ((0.5, 0), (2.5, 2)):
    for k in (left, left + 1):
        line(tree, (k, 1.0), (x, 1.95), lw=3)
    line(tree, (x, 1.95), (1.5, 2.8), lw=3)
    node(tree, x, 1.95, HT, "$B$")
tree.text(0.12, 1.55, "$r$", ha="right", size=9)
line(tree, (1.5, 2.8), (1.5, 3.4))
node(tree, 1.5, 2.8, HT, "$B$")
tree.text(1.62, 3.35, "scores", size=9)
sites(tree, HT)
finish(
    tree, "hierarchical Tucker tree", "deep: merges neighbours\n" r"$d\,m\,r + d\,r^3$ numbers", HT
)

for k in range(4):
    line(sum_, (k, 0), (k, 1.0))
    line(sum_, (k, 1.0), (1.5, 2.2), lw=3)
    node(sum_, k, 1.0, CP, f"$v_{k + 1}$")
sum_.text(0.55, 1.75, "$r$", ha="right", size=9)
line(sum_, (1.5, 2.2), (1.5, 2.95), lw=3)
node(sum_, 1.5, 2.1, "#777777", r"$\times$", 0.26)
line(sum_, (1.5, 2.95), (1.5, 3.5))
node(sum_, 1.5, 2.9, CP, r"$\lambda$")
sum_.text(1.62, 3.4, "scores", size=9)
sites(sum_, CP)
finish(sum_, "canonical polyadic sum", "shallow: adds up products\n" r"$d\,m\,r$ numbers", CP)
