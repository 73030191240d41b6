#!/usr/bin/env python3
"""Writes theorem2.json, corollary1.json, questions.json, textbook.json and network.json beside itself.

Values are closed forms or trapezoidal sums, written out by hand; gradients are complex steps, Im f(x + ih) / h with h = 1e-30, which are
exact to rounding and need no rule of differentiation. A gradient by path is the gradient in one of several copies of an argument.
"""
import json
import os

import numpy as np

rng = np.random.default_rng(2511)
inv, tr = np.linalg.inv, np.trace


def T(x):
    x = np.asarray(x, dtype=float)
    return {"shape": list(x.shape), "data": [float(v) for v in x.ravel()]}


def grad(f, x):
    """df/dx, entry by entry, of a function that is analytic in x."""
    x = np.asarray(x, dtype=float)
    g = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        z = x.astype(complex)
        z[i] += 1e-30j
        g[i] = np.imag(f(z)) / 1e-30
    return g


def draw(*shape, scale=1.0):
    return scale * rng.uniform(-1, 1, shape)


def half(x):
    return 0.5 * (x * x).sum(-1)


# ---- affine scores of Gaussians ------------------------------------------------------------------------------------------------------


def moments(A, b, L, c, alpha, sigma):
    return alpha * (A @ c + b), alpha**2 * L @ L.T + sigma**2 * np.eye(len(b))


def affine_losses(mean, S, W, shift, mean_t, S_t, sigma):
    """Of s = W xt + shift under N(mean, S); the target is the score of N(mean_t, S_t)."""
    d, r = len(mean), W @ mean + shift
    ism = 0.5 * (tr(W @ S @ W.T) + r @ r) + tr(W)
    P = inv(S_t)
    M, e = W + P, r + P @ (mean - mean_t)
    off = P @ (mean - mean_t)
    return {
        "dsm": ism + d / (2 * sigma**2), "esm": 0.5 * (tr(M @ S @ M.T) + e @ e), "ism": ism,
        "c2": 0.5 * (tr(P @ S @ P.T) + off @ off), "c3": d / (2 * sigma**2) + 0 * ism,
    }


def factor(L0, Lk, Lq, c):
    return L0 + np.einsum("k,kij->ij", c, Lk) + np.einsum("k,kij->ij", c * c, Lq)


def direct_case(d, m, alpha, sigma):
    p = {"A": draw(d, m), "b": draw(d), "L0": np.eye(d) + draw(d, d, scale=0.3), "Lk": draw(m, d, d, scale=0.4),
         "Lq": draw(m, d, d, scale=0.2), "c": draw(m), "W": -np.eye(d) + draw(d, d, scale=0.3), "V": draw(d, m), "u": draw(d)}

    def losses(W, V, u, c_net, c_dist, c_target):
        law = lambda c: moments(p["A"], p["b"], factor(p["L0"], p["Lk"], p["Lq"], c), c, alpha, sigma)
        return affine_losses(*law(c_dist), W, V @ c_net + u, *law(c_target), sigma)

    W, V, u, c = p["W"], p["V"], p["u"], p["c"]
    loss = losses(W, V, u, c, c, c)
    mean, S = moments(p["A"], p["b"], factor(p["L0"], p["Lk"], p["Lq"], c), c, alpha, sigma)
    D = loss["dsm"]
    theta = {k: {"W": T(grad(lambda z: losses(z, V, u, c, c, c)[k], W)), "V": T(grad(lambda z: losses(W, z, u, c, c, c)[k], V)),
                 "u": T(grad(lambda z: losses(W, V, z, c, c, c)[k], u))} for k in ("dsm", "esm", "ism")}
    parts = {"net": lambda k: lambda z: losses(W, V, u, z, c, c)[k], "dist": lambda k: lambda z: losses(W, V, u, c, z, c)[k],
             "target": lambda k: lambda z: losses(W, V, u, c, c, z)[k]}
    by_c = {k: {n: T(grad(parts[n](k), c)) for n in names} for k, names in
            {"dsm": ("net", "dist"), "esm": ("net", "dist", "target"), "ism": ("net", "dist")}.items()}
    for k in by_c:
        by_c[k]["total"] = T(grad(lambda z: losses(W, V, u, z, z, z)[k], c))
    by_c["c2"] = {"total": T(grad(lambda z: losses(W, V, u, z, z, z)["c2"], c))}
    by_c["esm_detached_target"] = {"total": T(grad(lambda z: losses(W, V, u, z, z, c)["esm"], c))}
    return {"d": d, "m": m, "alpha": alpha, "sigma": sigma, "inputs": {k: T(v) for k, v in p.items()}, "mu_t": T(mean), "S": T(S),
            "loss": loss, "mmse_term": D - loss["esm"],
            "reparam_losses": {"eps_half": sigma**2 * D, "x0_half": sigma**4 / alpha**2 * D,
                               "v_half": sigma**2 * (alpha**2 + sigma**2) ** 2 / alpha**2 * D},
            "grad_theta": theta, "grad_c": by_c}


def phi_case(d, m, k, J, alpha, sigma):
    p = {"A": draw(d, m), "b": draw(d), "L0": np.eye(d) + draw(d, d, scale=0.3), "Lk": draw(m, d, d, scale=0.4), "Phi": draw(m, k),
         "y": draw(J, k), "W": -np.eye(d) + draw(d, d, scale=0.3), "V": draw(d, m), "u": draw(d)}

    def losses(Phi, name):
        total = 0
        for y in p["y"]:
            c = Phi @ y
            law = moments(p["A"], p["b"], factor(p["L0"], p["Lk"], 0 * p["Lk"], c), c, alpha, sigma)
            total = total + affine_losses(*law, p["W"], p["V"] @ c + p["u"], *law, sigma)[name] / J
        return total

    names = ("dsm", "esm", "ism", "c2")
    return {"d": d, "m": m, "k": k, "J": J, "alpha": alpha, "sigma": sigma, "inputs": {n: T(v) for n, v in p.items()},
            "loss": {n: losses(p["Phi"], n) for n in names}, "grad_Phi": {n: T(grad(lambda z: losses(z, n), p["Phi"])) for n in names}}


def linear_encoder_case(d, m, sigma, tau):
    root = np.eye(d) + draw(d, d, scale=0.4)
    p = {"Sx": root @ root.T, "Phi": draw(m, d), "W": -np.eye(d) + draw(d, d, scale=0.3), "V": draw(d, m), "u": draw(d)}
    Sx = p["Sx"]

    def posterior(Phi):
        K = Sx @ Phi.T @ inv(Phi @ Sx @ Phi.T + tau**2 * np.eye(m))
        return K, Sx - K @ Phi @ Sx

    def losses(W, V, u, net, target_c, target_w):
        """xt = x + sigma eps; the code reaches the network as net x + tau eta and the target as target_c x + tau eta."""
        K, P = posterior(target_w)
        Q = inv(P + sigma**2 * np.eye(d))
        B = W + V @ net
        dsm = 0.5 * (tr(B @ Sx @ B.T) + tau**2 * (V * V).sum() + u @ u + ((sigma * W + np.eye(d) / sigma) ** 2).sum())
        ism = dsm - d / (2 * sigma**2)
        X, N = W + Q + V @ net - Q @ K @ target_c, V - Q @ K
        esm = 0.5 * (tr(X @ Sx @ X.T) + sigma**2 * ((W + Q) ** 2).sum() + tau**2 * (N * N).sum() + u @ u)
        Y = -Q + Q @ K @ target_c
        c2 = 0.5 * (tr(Y @ Sx @ Y.T) + sigma**2 * (Q * Q).sum() + tau**2 * ((Q @ K) ** 2).sum())
        return {"dsm": dsm, "esm": esm, "ism": ism, "c2": c2, "c3": d / (2 * sigma**2)}

    W, V, u, F = p["W"], p["V"], p["u"], p["Phi"]
    K, P = posterior(F)
    theta = {k: {"W": T(grad(lambda z: losses(z, V, u, F, F, F)[k], W)), "V": T(grad(lambda z: losses(W, z, u, F, F, F)[k], V)),
                 "u": T(grad(lambda z: losses(W, V, z, F, F, F)[k], u))} for k in ("dsm", "esm")}
    by_phi = {k: T(grad(lambda z: losses(W, V, u, z, z, z)[k], F)) for k in ("dsm", "esm", "ism", "c2")}
    by_phi["esm_target_w_detached"] = T(grad(lambda z: losses(W, V, u, z, z, F)["esm"], F))
    by_phi["esm_net"] = T(grad(lambda z: losses(W, V, u, z, F, F)["esm"], F))
    return {"d": d, "m": m, "alpha": 1.0, "sigma": sigma, "tau": tau, "inputs": {k: T(v) for k, v in p.items()}, "posterior_gain_K": T(K),
            "posterior_cov_P": T(P), "loss": losses(W, V, u, F, F, F), "grad_theta": theta, "grad_Phi": by_phi}


# ---- networks by quadrature ----------------------------------------------------------------------------------------------------------


def layers(widths):
    out = {}
    for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
        out[f"W{i}"], out[f"b{i}"] = draw(b, a, scale=0.9), draw(b, scale=0.5)
    return out


def mlp(p, x, act=np.tanh):
    n = len(p) // 2
    for i in range(1, n + 1):
        x = x @ p[f"W{i}"].T + p[f"b{i}"]
        x = act(x) if i < n else x
    return x


def mlp_divergence(p, x, d):
    """trace of the derivative in the first d inputs of a tanh network."""
    n, J = len(p) // 2, None
    for i in range(1, n + 1):
        W = p[f"W{i}"]
        J = np.broadcast_to(W, (len(x),) + W.shape) if J is None else W @ J
        x = x @ W.T + p[f"b{i}"]
        if i < n:
            x = np.tanh(x)
            J = (1 - x * x)[:, :, None] * J
    return np.trace(J[:, :, :d], axis1=1, axis2=2)


def parameter_gradients(loss, params):
    return {k: T(grad(lambda z: loss({**params, k: z}), v)) for k, v in params.items()}


def normal_grid(dims, width=8.5, step=0.1):
    z = np.arange(-round(width / step), round(width / step) + 1) * step
    w = np.exp(-0.5 * z * z)
    mesh = np.stack(np.meshgrid(*[z] * dims, indexing="ij"), -1).reshape(-1, dims)
    weights = np.prod(np.stack(np.meshgrid(*[w / w.sum()] * dims, indexing="ij"), -1).reshape(-1, dims), -1)
    keep = weights > 1e-18 * weights.max()
    return mesh[keep], weights[keep]


def softmax(a):
    e = np.exp(a - a.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def mixture_score(pi, mu, S, x):
    g = np.stack([-(x - m) @ inv(C).T for m, C in zip(mu, S)], 1)  # [n, K, d]
    logs = np.stack([np.log(w) + 0.5 * ((x - m) * h).sum(-1) - 0.5 * np.log(np.linalg.det(C)) for w, m, C, h in
                     zip(pi, mu, S, np.moveaxis(g, 1, 0))], -1)
    return (softmax(logs)[:, :, None] * g).sum(1)


def lower_root(S):
    """Cholesky's factor, also of a complex symmetric matrix."""
    L = np.zeros(S.shape, dtype=S.dtype)
    for i in range(len(S)):
        for j in range(i + 1):
            t = S[i, j] - L[i, :j] @ L[j, :j]
            L[i, j] = np.sqrt(t) if i == j else t / L[j, j]
    return L


def mixture_case(d, K, m, hidden, alpha, sigma, step):
    q = {"P": draw(K, m), "p0": draw(K), "B": draw(K, d, m), "a": draw(K, d, scale=2), "L0": 0.6 * np.eye(d) + draw(K, d, d, scale=0.2),
         "Lk": draw(K, m, d, d, scale=0.2)}
    c, net = draw(m), layers([d + m, hidden, hidden, d])
    z, w = normal_grid(d, step=step)

    def law(c):
        L = q["L0"] + np.einsum("kjab,j->kab", q["Lk"], c)
        return softmax(q["P"] @ c + q["p0"]), alpha * (q["a"] + q["B"] @ c), alpha**2 * L @ np.swapaxes(L, 1, 2) + sigma**2 * np.eye(d)

    def losses(net, c_net, c_dist, c_target, names):
        pi, mu, S = law(c_dist)
        out = dict.fromkeys(names, 0)
        for k in range(K):
            x = mu[k] + z @ lower_root(S[k]).T
            inputs = np.concatenate([x, np.broadcast_to(c_net, (len(x), m))], 1)
            s, weight = mlp(net, inputs), w * pi[k]
            # Given x_t and k, eps is normal with this mean and covariance I - sigma^2 S^-1.
            eps = sigma * (x - mu[k]) @ inv(S[k]).T
            for name in names:
                if name == "dsm":
                    f = half(s + eps / sigma) + 0.5 * (d - sigma**2 * tr(inv(S[k]))) / sigma**2
                elif name == "ism":
                    f = half(s) + mlp_divergence(net, inputs, d)
                elif name == "half_norm":
                    f = half(s)
                else:
                    t = mixture_score(*law(c_target), x)
                    f = half(s - t) if name == "esm" else half(t)
                out[name] = out[name] + (weight * f).sum()
        return out

    at = lambda name, **o: losses(o.get("net", net), o.get("cn", c), o.get("cd", c), o.get("ct", c), [name])[name]
    loss = losses(net, c, c, c, ["dsm", "esm", "ism", "c2", "half_norm"])
    loss["c3"] = d / (2 * sigma**2)
    by_c = {}
    for k, names in {"dsm": "nd", "esm": "ndt", "ism": "nd", "half_norm": "nd"}.items():
        by_c[k] = {{"n": "net", "d": "dist", "t": "target"}[n]: T(grad(lambda y: at(k, **{"c" + n: y}), c)) for n in names}
        by_c[k]["total"] = T(grad(lambda y: at(k, cn=y, cd=y, ct=y), c))
    by_c["c2"] = {"total": T(grad(lambda y: at("c2", cd=y, ct=y), c))}
    by_c["esm_detached_target"] = {"total": T(grad(lambda y: at("esm", cn=y, cd=y), c))}
    pi, mu, S = law(c)
    x = draw(4, d, scale=2)
    return {"d": d, "K": K, "m": m, "alpha": alpha, "sigma": sigma, "hidden": hidden, "mixture_params": {k: T(v) for k, v in q.items()},
            "c": T(c), "net_params": {k: T(v) for k, v in net.items()}, "mixture_at_c": {"pi": T(pi), "mu": T(mu), "S": T(S)},
            "points": {"x": T(x), "true_score": T(mixture_score(pi, mu, S, x)),
                       "net": T(mlp(net, np.concatenate([x, np.broadcast_to(c, (len(x), m))], 1)))},
            "loss": {k: float(v) for k, v in loss.items()},
            "grad_theta": {k: parameter_gradients(lambda p: at(k, net=p), net) for k in ("dsm", "esm", "ism")}, "grad_c": by_c}


def encoder_case(n, d, m, hidden, alpha, sigma, tau, step):
    x, log_p = draw(n, d, scale=1.5), draw(n)
    f, net = layers([d, 2, m]), layers([d + m, hidden, d])
    z, w = normal_grid(d + m, step=step)
    eps, eta, p = z[:, :d], z[:, d:], softmax(log_p)

    def log_w(c, codes):
        return log_p - 0.5 * ((c[:, None, :] - codes) ** 2).sum(-1) / tau**2

    def posterior(xt, c, codes):
        return softmax(log_w(c, codes) - 0.5 * ((xt[:, None, :] - alpha * x) ** 2).sum(-1) / sigma**2)

    def target(xt, c, codes):
        return (alpha * posterior(xt, c, codes) @ x - xt) / sigma**2

    def losses(net, f_net, f_c, f_w, names, gain=1.0):
        out = dict.fromkeys(names, 0)
        codes = gain * mlp(f_w, x)
        for i in range(n):
            xt = alpha * x[i] + sigma * eps
            inputs = np.concatenate([xt, gain * mlp(f_net, x[i : i + 1]) + tau * eta], 1)
            s = mlp(net, inputs)
            for name in names:
                if name == "dsm":
                    v = half(s + eps / sigma)
                elif name == "ism":
                    v = half(s) + mlp_divergence(net, inputs, d)
                else:
                    t = target(xt, gain * mlp(f_c, x[i : i + 1]) + tau * eta, codes)
                    v = half(s - t) if name == "esm" else half(t)
                out[name] = out[name] + p[i] * (w * v).sum()
        return out

    loss = losses(net, f, f, f, ["dsm", "esm", "ism", "c2"])
    loss["c3"] = d / (2 * sigma**2)
    by_phi = {k: parameter_gradients(lambda q: losses(net, q, q, q, [k])[k], f) for k in ("dsm", "esm", "ism", "c2")}
    for path, where in {"net": 0, "target_c": 1, "target_w": 2}.items():
        by_phi["esm_" + path] = parameter_gradients(lambda q: losses(net, *[q if j == where else f for j in range(3)], ["esm"])["esm"], f)
    codes, xt, c = mlp(f, x), draw(3, d, scale=2), draw(3, m)
    return {"n": n, "d": d, "m": m, "alpha": alpha, "sigma": sigma, "tau": tau, "hidden": hidden, "x": T(x), "log_p": T(log_p),
            "encoder_params": {k: T(v) for k, v in f.items()}, "net_params": {k: T(v) for k, v in net.items()}, "codes_f": T(codes),
            "points": {"xt": T(xt), "c": T(c), "posterior": T(posterior(xt, c, codes)), "true_score": T(target(xt, c, codes)),
                       "net": T(mlp(net, np.concatenate([xt, c], 1))), "w_i_of_c": T(softmax(log_w(c, codes)))},
            "loss": {k: float(v) for k, v in loss.items()},
            "grad_theta": {k: parameter_gradients(lambda q: losses(q, f, f, f, [k])[k], net) for k in ("dsm", "esm", "ism")},
            "grad_phi": by_phi, "gain_derivative_c2": float(grad(lambda g: losses(net, f, f, f, ["c2"], g)["c2"], 1.0))}


# ---- corollary 1 ---------------------------------------------------------------------------------------------------------------------


def corollary_gaussian(d, alpha, sigma):
    m, L = draw(d), np.tril(draw(d, d, scale=0.5)) + 0.8 * np.eye(d)
    mu0, root = draw(d), np.eye(d) + draw(d, d, scale=0.3)
    B = root @ root.T
    C = alpha**2 * B + sigma**2 * np.eye(d)
    W, u = -inv(C), inv(C) @ (alpha * mu0)

    def losses(m, L, fixed=None):
        law = lambda m, L: (alpha * m, alpha**2 * L @ L.T + sigma**2 * np.eye(d))
        mean, S = law(m, L)
        out = affine_losses(mean, S, W, u, *(law(*fixed) if fixed else (mean, S)), sigma)
        r = mean - alpha * mu0
        out["cross_entropy"] = 0.5 * (tr(inv(C) @ S) + r @ inv(C) @ r + np.log(np.linalg.det(2 * np.pi * C)))
        out["entropy"] = 0.5 * (d + np.log(np.linalg.det(2 * np.pi * S)))
        out["kl"] = out["cross_entropy"] - out["entropy"]
        return out

    def both(k, fixed=None):
        return {"m": T(grad(lambda z: losses(z, L, fixed)[k], m)), "L": T(np.tril(grad(lambda z: losses(m, z, fixed)[k], L)))}

    g = {k: both(k) for k in ("dsm", "esm", "c2")}
    g.update(esm_detached_target=both("esm", (m, L)), sds=both("cross_entropy"), vsd_kl=both("kl"))
    return {"d": d, "alpha": alpha, "sigma": sigma, "inputs": {k: T(v) for k, v in dict(m=m, L=L, W=W, u=u, mu0=mu0, B=B).items()},
            "loss": {k: float(np.real(v)) for k, v in losses(m, L).items()}, "grad": g,
            "optimum": {"dsm_L": T(np.zeros((d, d))), "dsm_m": T(mu0), "esm_LLt": T(B), "esm_m": T(mu0)}}


def line_score(pi, mu, v, x):
    logs = np.log(pi) - 0.5 * (x[..., None] - mu) ** 2 / v - 0.5 * np.log(v)
    return (softmax(logs) * (mu - x[..., None]) / v).sum(-1)


def pushforward(sigma):
    psi, model = np.array([0.2, 0.7, 0.4]), dict(pi=np.array([0.4, 0.6]), mu=np.array([-1.0, 0.8]), v=np.array([0.5, 0.3]))
    z, w = normal_grid(1)
    z, w = z[:, 0], w
    push = lambda p: p[0] + p[1] * z + p[2] * np.tanh(2 * z)

    def losses(psi, fixed, name):
        x = push(psi)
        xt = x[:, None] + sigma * z
        weight = w[:, None] * w
        s = line_score(model["pi"], model["mu"], model["v"] + sigma**2, xt)
        if name == "dsm":
            return (weight * 0.5 * (s + z / sigma) ** 2).sum()
        if name == "sds":  # E of a potential whose slope is -s, along dx only
            frozen = np.real(s)
            return -(weight * (frozen + z / sigma) * xt).sum()
        y = push(fixed)
        r = np.log(w) - 0.5 * (xt[..., None] - y) ** 2 / sigma**2
        t = (softmax(r) * (y - xt[..., None])).sum(-1) / sigma**2
        if name == "vsd_kl":
            return -(weight * np.real(s - t) * xt).sum()
        return (weight * 0.5 * ((s - t) if name == "esm" else t) ** 2).sum()

    value = {k: float(losses(psi, psi, k)) for k in ("dsm", "esm", "c2")}
    value.update(ism=value["dsm"] - 0.5 / sigma**2, c3=0.5 / sigma**2)
    g = {k: T(grad(lambda p: losses(p, p, k), psi)) for k in ("dsm", "esm", "c2", "sds", "vsd_kl")}
    g["esm_detached_target"] = T(grad(lambda p: losses(p, psi, "esm"), psi))
    return {"psi": T(psi), "sigma": sigma, "model_mixture": {k: T(v) for k, v in model.items()}, "loss": value, "grad": g}


def mixture_weight(sigma, a, v, pi_model, pi):
    z, w = (t.ravel() for t in normal_grid(1))
    mu, S = np.array([-a, a]), np.array([v, v]) + sigma**2
    two = lambda p: np.array([p, 1 - p])

    def ell(mean):  # x and eps apart
        x = mean + np.sqrt(v) * z[:, None] + sigma * z
        return (w[:, None] * w * 0.5 * (line_score(two(pi_model), mu, S, x) + z / sigma) ** 2).sum()

    def losses(p, name):
        total = 0
        for share, mean in zip(two(p), mu):
            x = mean + np.sqrt(v + sigma**2) * z
            t = line_score(two(p), mu, S, x)
            total = total + share * (w * 0.5 * (t if name == "c2" else line_score(two(pi_model), mu, S, x) - t) ** 2).sum()
        return total

    minus, plus = ell(-a), ell(a)
    return {"sigma": sigma, "a": a, "v": v, "pi_model": pi_model, "pi": pi, "ell_minus": minus, "ell_plus": plus,
            "loss": {"dsm": pi * minus + (1 - pi) * plus, "esm": float(losses(pi, "esm")), "c2": float(losses(pi, "c2")),
                     "c3": 0.5 / sigma**2},
            "dloss_dpi": {"dsm": minus - plus, **{k: float(grad(lambda p: losses(p, k), pi)) for k in ("esm", "c2")}},
            "argmin_pi": {"dsm": 0.0 if minus > plus else 1.0, "esm": pi_model}}


def sds_case(V, m, tau2, sigma):
    S, C = tau2 + sigma**2, V + sigma**2

    def losses(m, tau2):
        S = tau2 + sigma**2
        dsm = 0.5 * ((S + m * m) / C**2 - 2 / C + 1 / sigma**2)
        return {"dsm": dsm, "c2": 0.5 / S, "esm": dsm + 0.5 / S - 0.5 / sigma**2,
                "cross_entropy": 0.5 * (np.log(2 * np.pi * C) + (S + m * m) / C), "entropy": 0.5 * (1 + np.log(2 * np.pi * S))}

    value = {k: float(v) for k, v in losses(m, tau2).items()}
    value["c3"] = 0.5 / sigma**2
    dm = {"sds": m / C, "vsd_kl": m / C, "dsm": m / C**2, "esm": m / C**2, "c2": 0.0}
    dv = {"sds": 0.5 / C, "vsd_kl": 0.5 / C - 0.5 / S, "dsm": 0.5 / C**2, "esm": 0.5 / C**2 - 0.5 / S**2, "c2": -0.5 / S**2}
    return {"v_model": V, "m": m, "tau2": tau2, "sigma": sigma, "loss": value, "d_dm": dm, "d_dtau2": dv,
            "heat_flow_integrals": {"int_dsm_dm": dm["sds"], "int_dsm_dtau2": dv["sds"], "int_esm_dtau2": dv["vsd_kl"]},
            "argmin_tau2": {"dsm": 0.0, "sds": 0.0, "esm": V, "vsd_kl": V},
            "gamma_corrected_tau2": {str(g): max(0.0, np.sqrt(g) * C - sigma**2) for g in (0.0, 0.4, 1.0)}}


# ---- open questions, textbook, a small network ---------------------------------------------------------------------------------------


def questions():
    w, a, sigma, v0 = 0.6, -0.4, 0.7, 1.1
    best = lambda g: max(0.0, np.sqrt(g) / w - sigma**2)
    frozen = {"w": w, "a": a, "sigma": sigma, "argmin_mu": a, "argmin_v_dsm": 0.0, "argmin_v_esm": best(1),
              "argmin_v_dsm_plus_gamma_c2": {str(g): best(g) for g in (0.0, 0.3, 2.0)},
              "dsm_flow": {"v0": v0, "dv_dt": -0.5 * w * w, "time_to_zero": 2 * v0 / w**2},
              "esm_flow_rhs_at_v0": -0.5 * (w * w - 1 / (v0 + sigma**2) ** 2),
              "penalty_frozen_dv": {"lam_0.5": 0.75 * w * w}}
    sigma, v0 = 0.8, 1.3
    S = v0 + sigma**2
    time = 2 / 3 * (S**3 - sigma**6)
    joint = {"sigma": sigma, "v0": v0, "dsm_star": 0.5 / sigma**2 - 0.5 / S, "time_to_zero": time,
             "v_at_half_time": (S**3 - 0.75 * time) ** (1 / 3) - sigma**2,
             "d_dv_dsm_plus_lambda_c2_amortised": {str(l): 0.5 * (1 - l) / S**2 for l in (0.0, 0.7, 3.0)}}
    rates = []
    for lam, sigma, beta in ((1.5, 0.6, 0.2), (1.0, 1.0, 2.0)):
        value = lambda k: 0.5 / sigma**2 - 0.5 / (lam / (1 + k) + sigma**2) + 0.5 * beta * np.log(1 + k)
        q = lam / beta - 2 * lam * sigma**2
        root = q * q - 4 * lam**2 * sigma**4
        k = max(0.0, (q + np.sqrt(root)) / (2 * sigma**4) - 1) if root > 0 else 0.0
        k = k if value(k) < value(0.0) else 0.0
        rates.append({"lambda": lam, "sigma": sigma, "beta": beta, "dsm_optimal_snr_k": k, "dsm_optimal_value": value(k),
                      "esm_corrected_optimal_snr_k": 0.0, "posterior_variance_at_dsm_optimum": lam / (1 + k)})
    z, weight = (t.ravel() for t in normal_grid(1, width=9, step=0.02))
    sigma, tau, rows = 0.9, 0.7, []
    for phi in (0.0, 0.6, 1.4):
        rho = lambda p: 1 / sigma**2 + p * p / tau**2
        mmse = lambda p: 1 - (weight * np.tanh(rho(p) - np.sqrt(rho(p)) * z)).sum()
        c2 = lambda p: 0.5 / sigma**2 - 0.5 * mmse(p) / sigma**4
        rows.append({"phi": phi, "rho": rho(phi), "mmse": mmse(phi), "c2": c2(phi), "dsm_star": 0.5 * mmse(phi) / sigma**4,
                     "dc2_dphi": float(grad(c2, phi))})
    sigma, lam, nu = 0.6, np.array([3.0, 0.8, 0.02]), 0.08
    k = np.maximum(0, (np.sqrt(lam / (2 * nu)) - lam) / sigma**2 - 1)  # the budget follows from the multiplier
    star = lambda k: float((0.5 / sigma**2 - 0.5 / (lam / (1 + k) + sigma**2)).sum())
    water = {"lambda": list(lam), "sigma": sigma, "total_snr": float(k.sum()), "dsm_k": list(k), "dsm_star": star(k),
             "uniform_k_dsm_star": star(k.sum() / 3), "multiplier_nu": nu}
    sigma, model = 0.6, dict(pi=np.array([0.35, 0.65]), mu=np.array([-1.2, 1.4]), v=np.array([0.3, 0.5]))
    score = lambda x: line_score(model["pi"], model["mu"], model["v"] + sigma**2, x)
    ell = lambda x: (weight * 0.5 * (score(x + sigma * z) + z / sigma) ** 2).sum()
    low, high = 1.0, 2.5
    for _ in range(200):
        mid = 0.5 * (low + high)
        low, high = (mid, high) if grad(ell, mid) < 0 else (low, mid)
    u, wu = (t.ravel() for t in normal_grid(1, step=0.05))
    itself = sum(p * (wu * np.array([ell(m + np.sqrt(v) * y) for y in u])).sum() for p, m, v in zip(*model.values()))
    dirac = {**{n: T(v) for n, v in model.items()}, "sigma": sigma, "argmin_x": low, "ell_min": float(ell(low)),
             "dsm_at_model_itself": float(itself), "ell_at": {str(x): float(ell(x)) for x in (-1.5, 0.25, 2.0)}}
    return {"frozen_gaussian": [frozen], "joint_gaussian": [joint], "encoder_rate": rates,
            "binary_encoder": [{"sigma": 0.9, "tau": 0.7, "rows": rows}], "dsm_waterfilling": [water], "frozen_mixture_dirac": [dirac]}


def textbook():
    d, K = 2, 2
    root = np.eye(d) + draw(d, d, scale=0.4)
    mu, S, x = draw(d), root @ root.T, draw(4, d, scale=2)
    logp = lambda m, C, y: -0.5 * np.einsum("...i,ij,...j", y - m, inv(C), y - m) - 0.5 * np.log(np.linalg.det(2 * np.pi * C))
    one = {"d": d, "mu": T(mu), "Sigma": T(S), "x": T(x), "score": T(-(x - mu) @ inv(S)), "logp": T(logp(mu, S, x)),
           "score_jacobian": T(-inv(S))}
    a, eps, sigma, guess = -1.0, 1.25, 0.4, 0.75
    xt = a + sigma * eps
    results = {"x_tilde": xt, "eps_loss": (guess - eps) ** 2, "half_eps_loss": 0.5 * (guess - eps) ** 2, "implied_score": -guess / sigma,
               "conditional_score": -eps / sigma, "score_loss_half": 0.5 * ((guess - eps) / sigma) ** 2,
               "score_loss_half_times_sigma2": 0.5 * (guess - eps) ** 2, "denoised_pred": xt - sigma * guess, "denoised_true": a}
    two = {"inputs": {"x": a, "eps": eps, "sigma": sigma, "eps_pred": guess}, "results": {k: {"value": v} for k, v in results.items()}}
    pi, means = np.array([0.3, 0.7]), draw(K, d, scale=2)
    roots = 0.7 * np.eye(d) + draw(K, d, d, scale=0.3)
    covs = roots @ np.swapaxes(roots, 1, 2)
    parts = np.stack([np.log(p) + logp(m, C, x) for p, m, C in zip(pi, means, covs)], -1)
    r = softmax(parts)
    g = np.stack([-(x - m) @ inv(C) for m, C in zip(means, covs)], 1)
    s = (r[..., None] * g).sum(1)
    hess = np.einsum("nk,nki,nkj->nij", r, g, g) - np.einsum("nk,kij->nij", r, np.stack([inv(C) for C in covs])) - np.einsum("ni,nj->nij", s, s)
    many = {"K": K, "d": d, "pi": T(pi), "mu": T(means), "Sigma": T(covs), "x": T(x), "logp": T(np.log(np.exp(parts).sum(-1))), "score": T(s),
            "hessian_logp": T(hess), "posterior_weights": T(r)}
    comps, w, b = [[0.4, -1.0, 0.8], [0.6, 1.5, 0.5]], -0.9, 0.1
    pi, m, v = np.array(comps).T
    y = np.arange(-1200, 1201) * 0.01
    dens = (pi / np.sqrt(2 * np.pi * v) * np.exp(-0.5 * (y[:, None] - m) ** 2 / v)).sum(-1) * 0.01
    t = line_score(pi, m, v, y)
    parts3 = {"ism": (dens * 0.5 * (w * y + b) ** 2).sum() + w, "fisher_half": (dens * 0.5 * (w * y + b - t) ** 2).sum(),
              "c2_half_fisher_information": (dens * 0.5 * t * t).sum()}
    three = {"w": w, "b": b, "components": comps, "results": {k: {"value": float(v)} for k, v in parts3.items()}}
    return {"example1": [one], "example2": [two], "practice2_mixture": [many], "practice3_ibp": [three]}


def network():
    B, d, hidden, sigmas, level = 3, 2, 3, np.array([0.4, 1.5]), np.array([1, 0, 1])
    x, eps, sig = draw(B, d), rng.standard_normal((B, d)), sigmas[level][:, None]
    params = layers([d + 1, hidden, d])
    params = {k: 0.8 * v for k, v in params.items()}
    act = lambda h: h / (1 + np.exp(-h))

    def score(p, at):
        return mlp(p, np.concatenate([at, np.log(sig)], 1), act) / sig

    def loss(p, at):
        return (sig[:, 0] ** 2 * half(score(p, at + sig * eps) + eps / sig)).mean()

    full = {**params, "x": x}
    split = lambda q: ({k: v for k, v in q.items() if k != "x"}, q["x"])
    gradients = lambda q: {k: grad(lambda z: loss(*split({**q, k: z})), v) for k, v in q.items()}
    tangent = {k: draw(*v.shape) for k, v in full.items()}
    # The derivative of the exact gradient along the tangent, by central differences of order 8.
    hvp, h = {k: 0.0 for k in full}, 0.02
    for n, coefficient in zip((1, 2, 3, 4), (4 / 5, -1 / 5, 4 / 105, -1 / 280)):
        for sign in (1, -1):
            g = gradients({k: v + sign * n * h * tangent[k] for k, v in full.items()})
            hvp = {k: v + sign * coefficient / h * g[k] for k, v in hvp.items()}
    runs = {}
    for name, hyper in {"adam": dict(lr=0.02, beta1=0.8, beta2=0.99, eps=1e-8), "adamw": dict(lr=0.02, beta1=0.9, beta2=0.95, eps=1e-8,
                        weight_decay=0.2), "sgd_momentum": dict(lr=0.03, momentum=0.7), "clipped": dict(lr=0.1, momentum=0.0,
                        clip_global_norm=0.3)}.items():
        p, first, second, ema, before = dict(params), dict.fromkeys(params, 0.0), dict.fromkeys(params, 0.0), dict(params), []
        for t in (1, 2):
            before.append(float(loss(p, x)))
            g = {k: grad(lambda z: loss({**p, k: z}, x), v) for k, v in p.items()}
            if "clip_global_norm" in hyper:
                norm = np.sqrt(sum((v * v).sum() for v in g.values()))
                g = {k: v * min(1, hyper["clip_global_norm"] / norm) for k, v in g.items()}
            for k in p:
                if "momentum" in hyper:
                    first[k] = hyper["momentum"] * first[k] + g[k]
                    p[k] = p[k] - hyper["lr"] * first[k]
                else:
                    b1, b2 = hyper["beta1"], hyper["beta2"]
                    p[k] = p[k] * (1 - hyper["lr"] * hyper.get("weight_decay", 0))
                    first[k], second[k] = b1 * first[k] + (1 - b1) * g[k], b2 * second[k] + (1 - b2) * g[k] ** 2
                    p[k] = p[k] - hyper["lr"] * (first[k] / (1 - b1**t)) / (np.sqrt(second[k] / (1 - b2**t)) + hyper["eps"])
                ema[k] = 0.7 * ema[k] + 0.3 * p[k]
        runs[name] = {"hyper": hyper, "loss_before_each_step": before, "loss_after": float(loss(p, x)),
                      "params_after_2": {k: T(v) for k, v in p.items()}, "ema_after_2_m0.7": {k: T(v) for k, v in ema.items()}}
    v_sign, v_normal = rng.choice([-1.0, 1.0], (2, B, d)), rng.standard_normal((2, B, d))

    def jacobian(p):  # at x itself, [B, d, d]
        a = np.concatenate([x, np.log(sig)], 1) @ p["W1"].T + p["b1"]
        g = 1 / (1 + np.exp(-a))
        slope = g + a * g * (1 - g)
        return np.einsum("oh,bh,hi->boi", p["W2"], slope, p["W1"][:, :d]) / sig[:, :, None]

    def sliced(p, v, projected):
        s, J = score(p, x), jacobian(p)
        norm = 0.5 * (v * s).sum(-1) ** 2 if projected else half(s) + 0 * v[..., 0]
        return (norm + np.einsum("mbi,bij,mbj->mb", v, J, v)).mean()

    tests = {"ism": lambda p: (half(score(p, x)) + np.trace(jacobian(p), axis1=1, axis2=2)).mean(),
             "ssm_rademacher": lambda p: sliced(p, v_sign, True), "ssm_gauss": lambda p: sliced(p, v_normal, True),
             "ssm_vr": lambda p: sliced(p, v_sign, False)}
    return {"cases": [{"B": B, "d": d, "hidden": hidden, "depth": 1, "activation": "silu", "sigmas": T(sigmas),
                       "level_index": [int(i) for i in level], "x": T(x), "eps": T(eps), "params": {k: T(v) for k, v in params.items()},
                       "score": T(score(params, x + sig * eps)), "loss": float(loss(params, x)),
                       "grad": {k: T(v) for k, v in gradients(full).items()}, "tangent": {k: T(v) for k, v in tangent.items()},
                       "hvp": {k: T(v) for k, v in hvp.items()}, "optimisers": runs,
                       "score_matching": {"v_rademacher": T(v_sign), "v_gauss": T(v_normal),
                                          **{k: {"loss": float(f(params)), "grad": parameter_gradients(f, params)} for k, f in tests.items()}}}]}


def plain(x):
    return {k: plain(v) for k, v in x.items()} if isinstance(x, dict) else [plain(v) for v in x] if isinstance(x, list) else float(x) if isinstance(x, np.floating) else x


def write(name, content):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), "w") as out:
        out.write(json.dumps(plain(content)) + "\n")


if __name__ == "__main__":
    write("theorem2.json", {"direct_cases": [direct_case(1, 2, 1.0, 0.8), direct_case(2, 1, 0.9, 0.5)], "phi_cases": [phi_case(2, 1, 2, 3, 0.9, 0.6)],
                            "encoder_cases": [linear_encoder_case(2, 1, 0.7, 0.6), linear_encoder_case(1, 2, 0.4, 0.8)],
                            "cases": [mixture_case(1, 2, 2, 3, 0.9, 0.6, 0.1), mixture_case(2, 3, 1, 2, 1.0, 0.7, 0.2),
                                      encoder_case(3, 1, 1, 3, 0.9, 0.6, 0.5, 0.1)]})
    write("corollary1.json", {"cases": [corollary_gaussian(2, 0.9, 0.7), pushforward(0.7), mixture_weight(0.6, 1.2, 0.3, 0.4, 0.55),
                                        sds_case(0.8, -0.6, 1.7, 0.7)]})
    write("questions.json", questions())
    write("textbook.json", textbook())
    write("network.json", network())
