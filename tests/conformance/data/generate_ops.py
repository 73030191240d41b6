#!/usr/bin/env python3
"""Writes op_gradients.json: values and derivatives of the ops by central differences at 80 digits, so no rule of differentiation is used.

    python3 generate_ops.py > op_gradients.json

J xdot = (f(x + h xdot) - f(x - h xdot)) / 2h with h = 1e-25 errs by 1e-50; its own difference, the Hessian product, by 1e-30.
"""
import itertools
import json
import random

import mpmath as mp
import numpy as np

mp.mp.dps = 80
H = mp.mpf(10) ** -25
rng = random.Random(2511)


def arr(x):
    """An object array of mpf, whatever numpy made of it."""
    x = np.asarray(x, dtype=object)
    out = np.empty(x.shape, dtype=object)
    out[...] = np.frompyfunc(mp.mpf, 1, 1)(x) if x.size else x
    return out


def draw(shape, low=-1.5, high=1.5):
    n = int(np.prod(shape, dtype=int))
    return arr(np.array([rng.uniform(low, high) for _ in range(n)], dtype=object).reshape(shape))


def unary(f):
    g = np.frompyfunc(f, 1, 1)
    return lambda x, a: g(x[0])


def axes(a, x):
    dims = a.get("dims", a.get("dim"))
    if dims is None:
        return tuple(range(x.ndim))
    return tuple(d % x.ndim for d in ([dims] if isinstance(dims, int) else dims))


def total(x, ax, keep=False):
    return arr(np.sum(x, axis=ax, keepdims=keep)) if x.size else arr(np.zeros(np.sum(np.zeros(x.shape), axis=ax, keepdims=keep).shape))


EXP, LOG, SQRT = (np.frompyfunc(f, 1, 1) for f in (mp.exp, mp.log, mp.sqrt))


def mean(x, ax, keep=False):
    return total(x, ax, keep) / mp.mpf(int(np.prod([x.shape[i] for i in ax], dtype=int)))


def var(x, a):
    x, ax = x[0], axes(a, x[0])
    n = int(np.prod([x.shape[i] for i in ax], dtype=int))
    return total((x - mean(x, ax, True)) ** 2, ax, a["keepdim"]) / mp.mpf(n - a["correction"])


def softmax(x, axis):
    e = EXP(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def prod(x, a):
    return np.prod(x[0], axis=axes(a, x[0]), keepdims=a["keepdim"])


def einsum(x, a):
    left, right = a["spec"].split("->")
    left = left.split(",")
    extent = {c: n for term, t in zip(left, x) for c, n in zip(term, t.shape)}
    out = arr(np.zeros([extent[c] for c in right]))
    letters = sorted(extent)
    for index in itertools.product(*(range(extent[c]) for c in letters)):
        at = dict(zip(letters, index))
        p = mp.mpf(1)
        for term, t in zip(left, x):
            p = p * t[tuple(at[c] for c in term)]
        out[tuple(at[c] for c in right)] += p
    return out


def each_matrix(f):
    """Applies f to every matrix of a batch, given as mp matrices."""

    def g(x, a):
        lead = x[0].shape[:-2]
        results = {i: arr(np.array(f(*(mp.matrix(t[i].tolist()) for t in x)), dtype=object)) for i in np.ndindex(*lead)}
        first = next(iter(results.values()))
        out = np.empty(lead + first.shape, dtype=object)
        for i, r in results.items():
            out[i] = r if r.ndim else r.item()
        return out

    return g


def columns(a, b):
    """a^-1 b"""
    return [[r[0] for r in row] for row in np.array([mp.lu_solve(a, b[:, j]).tolist() for j in range(b.cols)], dtype=object).transpose(1, 0, 2)]


def lower(a):
    b = a.copy()
    for i in range(b.rows):
        for j in range(i + 1, b.cols):
            b[i, j] = 0
    return b


def normalise(x, ax, eps):
    m = mean(x, ax, True)
    return (x - m) / SQRT(mean((x - m) ** 2, ax, True) + mp.mpf(eps))


def group_norm(x, a):
    t, w, b = x
    n, c = t.shape[:2]
    g = t.reshape((n, a["groups"], -1))
    y = normalise(g, (2,), a["eps"]).reshape(t.shape)
    extra = (c,) + (1,) * (t.ndim - 2)
    return y * w.reshape(extra) + b.reshape(extra)


def gather(x, a):
    index = np.array(a["index"])
    return np.take_along_axis(x[0], index, a["dim"])


def scatter_add(x, a):
    y, index = x[0].copy(), np.array(a["index"])
    for i in np.ndindex(*index.shape):
        j = list(i)
        j[a["dim"]] = index[i]
        y[tuple(j)] += x[1][i]
    return y


def pad(x, a):
    out = arr(np.full([n + p[0] + p[1] for n, p in zip(x[0].shape, a["pad"])], a["value"]))
    out[tuple(slice(p[0], p[0] + n) for n, p in zip(x[0].shape, a["pad"]))] = x[0]
    return out


def cut(x, ranges):
    return x[tuple(slice(*r) for r in ranges)]


def tri(keep):
    def f(x, a):
        y = x[0].copy()
        for i in np.ndindex(*y.shape):
            if not keep(i[-1] - i[-2], a["diagonal"]):
                y[i] = mp.mpf(0)
        return y

    return f


def diag(x, a):
    n = x[0].shape[-1]
    y = arr(np.zeros(x[0].shape + (n,)))
    for i in range(n):
        y[..., i, i] = x[0][..., i]
    return y


def upsample(x, a):
    return np.repeat(np.repeat(x[0], a["scale"], -1), a["scale"], -2)


def attention(x, a):
    return np.matmul(softmax(np.matmul(x[0], np.swapaxes(x[1], -1, -2)) * mp.mpf(a["scale"]), -1), x[2])


def choose(x, a):
    return np.where(np.array(a["mask"]["data"]).reshape(a["mask"]["shape"]) != 0, x[0], x[1])


OPS = {
    "neg": unary(lambda x: -x), "exp": unary(mp.exp), "log": unary(mp.log), "sqrt": unary(mp.sqrt), "rsqrt": unary(lambda x: 1 / mp.sqrt(x)),
    "reciprocal": unary(lambda x: 1 / x), "square": unary(lambda x: x * x), "abs": unary(abs), "sin": unary(mp.sin), "cos": unary(mp.cos),
    "tan": unary(mp.tan), "tanh": unary(mp.tanh), "sinh": unary(mp.sinh), "cosh": unary(mp.cosh), "asinh": unary(mp.asinh),
    "atan": unary(mp.atan), "sigmoid": unary(lambda x: 1 / (1 + mp.exp(-x))), "softplus": unary(lambda x: mp.log(1 + mp.exp(x))),
    "logsigmoid": unary(lambda x: -mp.log(1 + mp.exp(-x))), "silu": unary(lambda x: x / (1 + mp.exp(-x))),
    "gelu_erf": unary(lambda x: x * mp.ncdf(x)), "relu": unary(lambda x: max(x, mp.mpf(0))), "erf": unary(mp.erf), "erfc": unary(mp.erfc),
    "log1p": unary(mp.log1p), "expm1": unary(mp.expm1), "elu": unary(lambda x: x if x > 0 else mp.expm1(x)),
    "pow_scalar": lambda x, a: np.frompyfunc(lambda t: t ** mp.mpf(a["exponent"]), 1, 1)(x[0]),
    "leaky_relu": lambda x, a: np.frompyfunc(lambda t: t if t > 0 else t * mp.mpf(a["slope"]), 1, 1)(x[0]),
    "clamp": lambda x, a: np.frompyfunc(lambda t: min(max(t, mp.mpf(a["min"])), mp.mpf(a["max"])), 1, 1)(x[0]),
    "add": lambda x, a: x[0] + x[1], "sub": lambda x, a: x[0] - x[1], "mul": lambda x, a: x[0] * x[1], "div": lambda x, a: x[0] / x[1],
    "pow": lambda x, a: x[0] ** x[1], "maximum": lambda x, a: np.maximum(x[0], x[1]), "minimum": lambda x, a: np.minimum(x[0], x[1]),
    "atan2": lambda x, a: np.frompyfunc(mp.atan2, 2, 1)(x[0], x[1]), "where": choose,
    "logaddexp": lambda x, a: LOG(EXP(x[0]) + EXP(x[1])), "mse_half_sum": lambda x, a: np.sum((x[0] - x[1]) ** 2) / 2,
    "sum": lambda x, a: total(x[0], axes(a, x[0]), a["keepdim"]), "mean": lambda x, a: mean(x[0], axes(a, x[0]), a["keepdim"]),
    "logsumexp": lambda x, a: LOG(total(EXP(x[0]), axes(a, x[0]), a["keepdim"])), "var": var, "prod": prod,
    "norm2": lambda x, a: SQRT(total(x[0] * x[0], axes(a, x[0]), a["keepdim"])),
    "amax": lambda x, a: np.max(x[0], axis=axes(a, x[0]), keepdims=a["keepdim"]),
    "amin": lambda x, a: np.min(x[0], axis=axes(a, x[0]), keepdims=a["keepdim"]),
    "cumsum": lambda x, a: np.cumsum(x[0], axis=a["dim"]), "softmax": lambda x, a: softmax(x[0], a["dim"]),
    "log_softmax": lambda x, a: LOG(softmax(x[0], a["dim"])),
    "reshape": lambda x, a: x[0].reshape(a["shape"]), "permute": lambda x, a: x[0].transpose(a["perm"]),
    "slice": lambda x, a: cut(x[0], a["ranges"]), "concat": lambda x, a: np.concatenate(x, a["dim"]),
    "stack": lambda x, a: np.stack(x, a["dim"]), "pad_constant": pad, "expand": lambda x, a: np.broadcast_to(x[0], a["shape"]),
    "flip": lambda x, a: np.flip(x[0], a["dims"]), "roll": lambda x, a: np.roll(x[0], a["shift"], a["dim"]),
    "index_select": lambda x, a: np.take(x[0], a["index"], a["dim"]), "gather": gather, "scatter_add": scatter_add,
    "embedding": lambda x, a: x[0][np.array(a["index"])], "tril": tri(lambda k, d: k <= d), "triu": tri(lambda k, d: k >= d), "diag": diag,
    "matmul": lambda x, a: np.matmul(x[0], x[1]), "einsum": einsum, "inverse": each_matrix(lambda m: mp.inverse(m).tolist()),
    "logabsdet": each_matrix(lambda m: mp.log(abs(mp.det(m)))),
    "cholesky_of_sym": each_matrix(lambda m: mp.cholesky((m + m.T) / 2).tolist()), "solve": each_matrix(columns),
    "solve_triangular_lower": each_matrix(lambda m, b: columns(lower(m), b)), "trace": each_matrix(lambda m: sum(m[i, i] for i in range(m.rows))),
    "layer_norm": lambda x, a: normalise(x[0], (x[0].ndim - 1,), a["eps"]) * x[1] + x[2], "group_norm": group_norm,
    "attention": attention, "upsample_nearest2d": upsample,
}

VIEWS = {
    "permute": lambda x, v: x.transpose(v), "slice": cut, "flip": lambda x, v: np.flip(x, v), "expand": lambda x, v: np.broadcast_to(x, v),
    "reshape": lambda x, v: x.reshape(v), "select": lambda x, v: np.take(x, v[1], v[0]),
}


def tensor(x):
    return {"shape": list(x.shape), "data": [float(v) for v in x.ravel()]}


def case(name, op, shapes, attrs=None, pre=None, low=-1.5, high=1.5, inputs=None):
    attrs = attrs or {}
    xs = inputs or [draw(s, low, high) for s in shapes]
    dots = [draw(x.shape) for x in xs]

    def f(points):
        viewed = points
        if pre:
            viewed = []
            for x, views in zip(points, pre):
                for kind, v in views:
                    x = VIEWS[kind](x, v)
                viewed.append(x)
        return arr(OPS[op]([arr(x) for x in viewed], attrs))

    def shifted(points, directions, h):
        return [arr(x + d * h) for x, d in zip(points, directions)]

    def push(points):
        return arr((f(shifted(points, dots, H)) - f(shifted(points, dots, -H))) / (2 * H))

    def gradient(g):
        """of the scalar g(points), entry by entry"""
        grads = []
        for k, x in enumerate(xs):
            d = np.empty(x.shape, dtype=object)
            for i in np.ndindex(*x.shape):
                ends = []
                for h in (H, -H):
                    y = x.copy()
                    y[i] = y[i] + h
                    ends.append(g([y if j == k else t for j, t in enumerate(xs)]))
                d[i] = (ends[0] - ends[1]) / (2 * H)
            grads.append(arr(d))
        return grads

    y = f(xs)
    ybar = draw(y.shape)
    dot = lambda u, v: sum((a * b for a, b in zip(u.ravel(), v.ravel())), mp.mpf(0))
    out = {"name": name, "op": op, "attrs": attrs, "inputs": [tensor(x) for x in xs]}
    if pre:
        out["pre"] = pre
    out.update(y=tensor(y), ybar=tensor(ybar), vjp=[tensor(g) for g in gradient(lambda p: dot(ybar, f(p)))],
               xdot=[tensor(d) for d in dots], jvp=tensor(push(xs)), hvp=[tensor(g) for g in gradient(lambda p: dot(ybar, push(p)))])
    return out


def spd(*shape):
    a = draw(shape)
    return arr(np.matmul(a, np.swapaxes(a, -1, -2)) + np.eye(shape[-1], dtype=int))


def cases():
    positive = {"log", "sqrt", "rsqrt", "reciprocal"}
    smooth = [k for k in OPS if k in (
        "neg exp log sqrt rsqrt reciprocal square abs sin cos tan tanh sinh cosh asinh atan sigmoid softplus logsigmoid silu gelu_erf relu erf "
        "erfc expm1 elu").split()]
    shapes = [[], [2], [2, 1, 2]]
    for i, op in enumerate(smooth):
        yield case(f"{op}_small", op, [shapes[i % 3]], low=0.3 if op in positive else -1.3, high=1.3)
    yield case("log1p_small", "log1p", [[3]], low=-0.6)
    yield case("neg_empty", "neg", [[0, 3]])
    yield case("add_empty", "add", [[2, 0], [1]])
    yield case("sum_empty", "sum", [[0, 3]], {"dims": [0], "keepdim": False})
    yield case("matmul_empty", "matmul", [[2, 0], [0, 3]])
    yield case("pow_scalar_cube", "pow_scalar", [[3]], {"exponent": 3.0})
    yield case("pow_scalar_half", "pow_scalar", [[3]], {"exponent": 0.5}, low=0.2)
    yield case("leaky_relu_small", "leaky_relu", [[3]], {"slope": 0.2})
    yield case("clamp_small", "clamp", [[5]], {"min": -0.4, "max": 0.7})
    for op in ("add", "sub", "mul", "div", "pow", "maximum", "minimum", "atan2", "logaddexp"):
        yield case(f"{op}_broadcast", op, [[2, 1, 2], [3, 1]], low=0.3 if op in ("div", "pow", "atan2") else -1.5)
        yield case(f"{op}_scalar", op, [[], [2]], low=0.3 if op in ("div", "pow", "atan2") else -1.5)
    yield case("where_broadcast", "where", [[2, 2], [2]], {"mask": {"shape": [2, 1], "data": [1.0, 0.0]}})
    for op in ("sum", "mean", "logsumexp", "norm2", "var", "prod", "amax", "amin"):
        extra = {"correction": 1} if op == "var" else {}
        yield case(f"{op}_last", op, [[2, 3]], {"dims": [-1], "keepdim": True, **extra})
        if op != "prod":
            yield case(f"{op}_outer", op, [[2, 2, 2]], {"dims": [0, -1], "keepdim": False, **extra})
    yield case("sum_scalar", "sum", [[]], {"dims": None, "keepdim": False})
    yield case("cumsum_first", "cumsum", [[3, 2]], {"dim": 0})
    yield case("softmax_first", "softmax", [[3, 2]], {"dim": 0})
    yield case("log_softmax_middle", "log_softmax", [[1, 3, 2]], {"dim": -2})
    yield case("reshape_guess", "reshape", [[2, 3]], {"shape": [3, -1]})
    yield case("permute_rank4", "permute", [[2, 1, 3, 2]], {"perm": [3, 1, 0, 2]})
    yield case("slice_steps", "slice", [[4, 5]], {"ranges": [[0, 4, 3], [1, 5, 2]]})
    yield case("concat_three", "concat", [[1, 2], [2, 2], [1, 2]], {"dim": 0})
    yield case("stack_last", "stack", [[2], [2], [2]], {"dim": -1})
    yield case("pad_constant_one", "pad_constant", [[2]], {"pad": [[2, 1]], "value": -1.5})
    yield case("expand_scalar", "expand", [[]], {"shape": [2, 2]})
    yield case("flip_two", "flip", [[2, 3]], {"dims": [0, 1]})
    yield case("roll_back", "roll", [[4, 2]], {"shift": -1, "dim": 0})
    yield case("index_select_last", "index_select", [[2, 3]], {"dim": 1, "index": [2, 2, 0]})
    yield case("gather_first", "gather", [[3, 2]], {"dim": 0, "index": [[0, 2], [2, 2]]})
    yield case("scatter_add_first", "scatter_add", [[3, 2], [2, 2]], {"dim": 0, "index": [[0, 2], [0, 1]]})
    yield case("embedding_vector", "embedding", [[3, 2]], {"index": [2, 0, 2]})
    yield case("tril_below", "tril", [[2, 3]], {"diagonal": -1})
    yield case("triu_above", "triu", [[2, 3]], {"diagonal": 1})
    yield case("diag_batch", "diag", [[2, 2]])
    for shapes in ([[2, 3], [3, 2]], [[3], [2, 3, 2]], [[2, 1, 2, 2], [3, 2, 1]], [[2, 2, 3], [3]]):
        yield case("matmul_" + "x".join("".join(map(str, s)) for s in shapes), "matmul", shapes)
    for spec, shapes in {"ij,jk->ik": [[2, 3], [3, 2]], "ii->i": [[3, 3]], "bi,i->b": [[2, 3], [3]], "ij,ij->": [[2, 2], [2, 2]]}.items():
        yield case("einsum_" + spec, "einsum", shapes, {"spec": spec})
    yield case("inverse_batch", "inverse", None, inputs=[spd(2, 2, 2)])
    yield case("logabsdet_batch", "logabsdet", None, inputs=[spd(2, 3, 3)])
    yield case("logabsdet_negative", "logabsdet", None, inputs=[arr([[0.3, 1.2], [1.1, -0.4]])])
    yield case("cholesky_of_sym_batch", "cholesky_of_sym", None, inputs=[spd(2, 2, 2)])
    yield case("solve_batch", "solve", None, inputs=[spd(2, 2, 2), draw([2, 2, 1])])
    yield case("solve_triangular_lower_small", "solve_triangular_lower", None, inputs=[spd(3, 3), draw([3, 2])])
    yield case("trace_batch", "trace", [[2, 2, 2]])
    yield case("layer_norm_rank3", "layer_norm", [[2, 1, 3], [3], [3]], {"eps": 0.001})
    yield case("group_norm_rank3", "group_norm", [[1, 4, 2], [4], [4]], {"groups": 2, "eps": 0.001})
    yield case("attention_unbatched", "attention", [[2, 3], [3, 3], [3, 2]], {"scale": 0.7})
    yield case("upsample_nearest2d_three", "upsample_nearest2d", [[1, 1, 2, 1]], {"scale": 3})
    yield case("mse_half_sum_vector", "mse_half_sum", [[3], [3]])
    yield case("exp_flipped_view", "exp", [[2, 3]], pre=[[["flip", [1]], ["slice", [[0, 2, 1], [0, 3, 2]]]]])
    yield case("mul_expanded_view", "mul", [[2, 1], [2, 3]], pre=[[["expand", [2, 3]]], [["flip", [0, 1]]]])
    yield case("sum_selected_view", "sum", [[2, 3, 2]], {"dims": [0], "keepdim": False}, pre=[[["permute", [2, 0, 1]], ["select", [1, 1]]]])
    yield case("matmul_reshaped_view", "matmul", [[6], [3, 2]], pre=[[["reshape", [3, 2]], ["permute", [1, 0]]], []])
    yield case("softmax_strided_view", "softmax", [[4, 3]], {"dim": -1}, pre=[[["slice", [[1, 4, 2], [0, 3, 1]]]]])


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(c) for c in cases())
    print('{"cases": [\n' + lines + "\n]}")
