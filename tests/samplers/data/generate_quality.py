"""Pairs of sets and what SciPy says of them, for tests/samplers/quality.cpp.

    python -m venv v && v/bin/pip install scipy && v/bin/python generate_quality.py

quality.npz: NAME.x [n, d], NAME.y [m, d]; NAME.said, [Frechet distance, precision, recall at k = 1, precision, recall at k = 4].
"""
import pathlib

import numpy as np
import scipy.linalg
from scipy.spatial import cKDTree

rng = np.random.default_rng(11)


def frechet(x, y):
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    crossed = scipy.linalg.sqrtm(a @ b)
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * np.real(crossed))


def inside(x, y, k):
    """The share of x within the k-th neighbour's distance of some row of y."""
    radius = cKDTree(y).query(y, k + 1)[0][:, k]
    return np.mean([np.any(np.linalg.norm(y - row, axis=1) <= radius) for row in x])


def mixed(n, d):
    return rng.standard_normal((n, d)) @ rng.standard_normal((d, d))


near = mixed(40, 3)
pairs = {
    "apart": (mixed(60, 5) + 1, mixed(80, 5)),
    "alike": (rng.standard_normal((50, 2)), rng.standard_normal((70, 2))),
    "narrow": (rng.standard_normal((50, 2)) * 0.2, rng.standard_normal((70, 2))),
    "far": (1e4 + mixed(30, 4), 1e4 + mixed(45, 4)),
    "tight": (1e3 + 1e-7 * near[:20], 1e3 + 1e-7 * near[20:]),  # squares of distances are lost beside those of places
}
file = {}
for name, (x, y) in pairs.items():
    file[name + ".x"], file[name + ".y"] = x, y
    file[name + ".said"] = np.array([frechet(x, y)] + [f(k) for k in (1, 4) for f in (lambda k: inside(x, y, k), lambda k: inside(y, x, k))])
    print(name, file[name + ".said"])
np.savez(pathlib.Path(__file__).with_name("quality.npz"), **file)
