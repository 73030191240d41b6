#!/usr/bin/env python3
"""Writes chains.json beside itself: Langevin chains, flows, reverse diffusions and diagnostics where everything is known.

Chains on Gaussians follow recursions of their mean and variance; a mixture's flow keeps quantiles, found by bisection; the acceptance of
MALA on N(0, 1) is an integral over the angle of (x, z), smooth between the angles where |y| = |x|.
"""
import json
import math
import os
import random

rng = random.Random(1964)


def T(rows):
    flat = isinstance(rows[0], float)
    return {"shape": [len(rows)] if flat else [len(rows), len(rows[0])], "data": list(rows) if flat else [v for row in rows for v in row]}


def mean(x):
    return math.fsum(x) / len(x)


def variance(x):
    m = mean(x)
    return math.fsum((v - m) ** 2 for v in x) / (len(x) - 1)


def times(A, B):
    return [[sum(a * b for a, b in zip(row, column)) for column in zip(*B)] for row in A]


def legendre(n):
    """Nodes and weights on (-1, 1), by Newton's method."""
    out = []
    for i in range(n):
        x = math.cos(math.pi * (i + 0.75) / (n + 0.5))
        for _ in range(100):
            p, q = 1.0, x
            for k in range(2, n + 1):
                p, q = q, ((2 * k - 1) * x * q - (k - 1) * p) / k
            slope = n * (x * q - p) / (x * x - 1)
            x -= q / slope
        out.append((x, 2 / ((1 - x * x) * slope * slope)))
    return out


def ula(v, e, v0, steps=10):
    a, path = 1 - e / (2 * v), [v0]
    for _ in range(steps):
        path.append(a * a * path[-1] + e)
    return {"v": v, "eps": e, "a": a, "stationary_variance": v / (1 - e / (4 * v)), "iat": 1 + 2 * a / (1 - a),
            "autocorrelation_lag": [a**k for k in range(6)], "x0_variance": v0, "variance_path": path}


def trajectory(e, n):
    a, b, c = 1.1 + rng.random(), rng.uniform(-0.5, 0.5), 0.9 + rng.random()
    S, P = [[a, b], [b, c]], [[c / (a * c - b * b), -b / (a * c - b * b)], [-b / (a * c - b * b), a / (a * c - b * b)]]
    normal = lambda: [rng.gauss(0, 1), rng.gauss(0, 1)]
    mu, z, path = normal(), [normal() for _ in range(n)], [normal()]
    for noise in z:
        x = path[-1]
        pull = [sum(P[i][j] * (x[j] - mu[j]) for j in range(2)) for i in range(2)]
        path.append([x[i] - e / 2 * pull[i] + math.sqrt(e) * noise[i] for i in range(2)])
    A = [[(i == j) - e / 2 * P[i][j] for j in range(2)] for i in range(2)]
    stationary, term = [[0.0, 0.0], [0.0, 0.0]], [[e, 0.0], [0.0, e]]  # C = A C A' + e I, by its series
    for _ in range(5000):
        stationary = [[u + v for u, v in zip(p, q)] for p, q in zip(stationary, term)]
        term = times(times(A, term), A)
    smallest = (a + c) / 2 - math.hypot((a - c) / 2, b)
    return {"d": 2, "eps": e, "mu": T(mu), "Sigma": T(S), "z": T(z), "path": T(path), "stationary_cov": T(stationary),
            "max_stable_eps": 4 * smallest}


def acceptance(e):
    kinks = sorted(angle % math.pi for angle in (math.atan(math.sqrt(e) / 2), math.atan2(-(4 - e), 2 * math.sqrt(e))))
    total = 0.0
    for low, high in zip([kinks[1] - math.pi] + kinks[:1], kinks):
        for node, weight in legendre(120):
            t = 0.5 * (high - low) * node + 0.5 * (high + low)
            x, y = math.cos(t), (1 - e / 2) * math.cos(t) + math.sqrt(e) * math.sin(t)
            c = e / 8 * (y * y - x * x)  # the ratio is exp(-c r^2), and the mean over r of min(1, it) is 1 / (1 + 2 c) or 1
            total += 0.5 * (high - low) * weight / (1 + 2 * max(c, 0))
    return {"eps": e, "mean_acceptance": total / math.pi}


def annealed(centre, v, sigmas, e0, count, m, spread):
    case = {"mean": centre, "v": v, "sigmas": sigmas, "eps0": e0, "T": count, "x0_mean": m, "x0_variance": spread, "levels": []}
    for sigma in sigmas:
        e = e0 * sigma**2 / sigmas[-1] ** 2
        a = 1 - e / (2 * (v + sigma**2))
        for _ in range(count):
            m, spread = centre + a * (m - centre), a * a * spread + e
        case["levels"].append({"sigma": sigma, "alpha": e, "mean": m, "variance": spread})
    return case


def log_normal(x, v):
    return -0.5 * x * x / v - 0.5 * math.log(2 * math.pi * v)


def flow_ve(v, m, high, low, x):
    start, end = v + high**2, v + low**2
    y = m + (x - m) * math.sqrt(end / start)
    return {"v": v, "m": m, "sigma_from": high, "sigma_to": low, "x_from": x, "x_to": y, "logp_from": log_normal(x - m, start),
            "logp_to": log_normal(y - m, end)}


def flow_vp(v, m, beta_min, beta_max, t, x):
    bar = math.exp(-(beta_min * t + (beta_max - beta_min) * t * t / 2))
    total = bar * v + 1 - bar
    y = m + (x - math.sqrt(bar) * m) * math.sqrt(v / total)
    return {"v": v, "m": m, "beta_min": beta_min, "beta_max": beta_max, "t": t, "alpha_bar": bar, "x_t": x, "x_0": y, "variance_t": total,
            "logp_t": log_normal(x - math.sqrt(bar) * m, total), "logp_0": log_normal(y - m, v)}


def flow_mixture(pi, mu, v, high, low, x):
    below = lambda y, s: sum(p * 0.5 * math.erfc((m - y) / math.sqrt(2 * (w + s * s))) for p, m, w in zip(pi, mu, v))
    logp = lambda y, s: math.log(sum(p * math.exp(log_normal(y - m, w + s * s)) for p, m, w in zip(pi, mu, v)))
    want, a, b = below(x, high), -20.0, 20.0
    for _ in range(200):
        a, b = ((a + b) / 2, b) if below((a + b) / 2, low) < want else (a, (a + b) / 2)
    return {"pi": pi, "mu": mu, "v": v, "sigma_from": high, "sigma_to": low, "x_from": x, "x_to": b, "logp_from": logp(x, high),
            "logp_to": logp(b, low)}


def reverse(v, sigmas, start):
    em, exact = [start], [start]
    for s, t in zip(sigmas, sigmas[1:]):
        g, h = s * s, t * t
        em.append((1 - (g - h) / (v + g)) ** 2 * em[-1] + g - h)
        exact.append(((v + h) / (v + g)) ** 2 * exact[-1] + (g - h) * (v + h) / (v + g))
    return {"v": v, "sigmas": sigmas, "start_variance": start, "em_variance": em, "exact_kernel_variance": exact}


def diagnostics(chains, n):
    x = []
    for i in range(chains):
        row = [rng.gauss(0, 1)]
        while len(row) < n:
            row.append(0.7 * row[-1] + rng.gauss(0, 1))
        x.append([v + 0.8 * (i == 0) for v in row])

    def correlation(row):
        m = mean(row)
        y = [v - m for v in row]
        whole = math.fsum(v * v for v in y)
        return [math.fsum(u * v for u, v in zip(y, y[k:])) / whole for k in range(n)]

    def time(row):
        r, total, least = correlation(row), -1.0, math.inf
        for k in range(0, n - 1, 2):
            if r[k] + r[k + 1] <= 0:
                break
            least = min(least, r[k] + r[k + 1])
            total += 2 * least
        return total

    def r_hat(rows):
        length, within = len(rows[0]), mean([variance(row) for row in rows])
        return math.sqrt(((length - 1) / length * within + variance([mean(row) for row in rows])) / within)

    taus = [time(row) for row in x]
    return {"chains": T(x), "rhat": r_hat(x), "split_rhat": r_hat([half for row in x for half in (row[: n // 2], row[n // 2 :])]),
            "acf_chain0": correlation(x[0])[:10], "iat_per_chain": taus, "ess_per_chain": [n / t for t in taus]}


def step(x, e, z, components):
    parts = [(p / math.sqrt(2 * math.pi * v) * math.exp(-0.5 * (x - m) ** 2 / v), -(x - m) / v, 1 / v) for p, m, v in components]
    density = sum(p for p, _, _ in parts)
    slope = sum(p * g for p, g, _ in parts)
    bend = sum(p * (g * g - h) for p, g, h in parts)
    s = slope / density
    results = {"p": density, "dp": slope, "score": s, "score_derivative": bend / density - s * s, "drift": e / 2 * s, "noise": math.sqrt(e) * z,
               "x1": x + e / 2 * s + math.sqrt(e) * z}
    return {"inputs": {"x0": x, "step": e, "z": z, "components": components}, "results": {k: {"value": v} for k, v in results.items()},
            "posterior_weights": [p / density for p, _, _ in parts]}


def half_plane(sigma):
    phi = lambda t: 0.5 * math.erfc(-t / math.sqrt(2))
    t = math.sqrt(50 / (1 + sigma * sigma))
    return {"sigma": sigma, "mass": 0.2 * phi(t) + 0.8 * phi(-t)}


if __name__ == "__main__":
    content = {
        "ula": [ula(1.3, 0.4, 0.2), ula(0.25, 0.1, 3.0), ula(0.8, 0.3, 1.5, steps=15)],
        "ula_trajectory": [trajectory(0.15, 7)],
        "mala": [acceptance(e) for e in (0.2, 0.9, 3.0, 6.0)],
        "annealed": [annealed(-0.7, 0.4, [5.0, 1.5, 0.4], 0.03, 15, 1.0, 2.0)],
        "probability_flow_ve": [flow_ve(0.4, -1.1, 4.0, 0.2, 2.5)],
        "probability_flow_vp": [flow_vp(0.3, 0.8, 0.2, 15.0, 0.6, -0.9), flow_vp(2.0, 0.1, 0.1, 20.0, 0.3, 1.7)],
        "probability_flow_ve_mixture": [flow_mixture([0.6, 0.4], [-1.0, 2.0], [0.3, 0.1], 4.0, 0.1, x) for x in (-2.0, 0.5, 3.0)],
        "reverse_sde_ve": [reverse(0.8, [2.5, 1.5, 0.7, 0.3, 0.1], 7.0)],
        "diagnostics": [diagnostics(3, 40)],
        "example3": [step(-0.4, 0.25, 0.6, [[0.3, -1.0, 0.5], [0.7, 1.5, 1.2]])],
        "practice4_step_size": {"eps": [0.3, 1.5, 3.2], "variance": [1 / (1 - e / 4) for e in (0.3, 1.5, 3.2)]},
        "poster_mixture_halfplane_mass": [half_plane(s) for s in (15.0, 6.0, 2.5, 1.0)],
    }
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "chains.json"), "w") as out:
        out.write(json.dumps(content) + "\n")
