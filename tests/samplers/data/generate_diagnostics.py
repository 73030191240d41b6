"""Chains and what ArviZ 0.23 says of them, for tests/samplers/diagnostics.cpp.

    python -m venv v && v/bin/pip install 'arviz<1' && v/bin/python generate_diagnostics.py

diagnostics.npz: NAME, the chains [m, n]; NAME.arviz, [bulk ESS, tail ESS, rank-normalised R-hat, split R-hat], the last two only for m > 1.
"""
import io
import pathlib
import zipfile

import arviz
import numpy as np

rng = np.random.default_rng(7)


def autoregression(a, m, n):
    x = rng.standard_normal((m, n))
    for t in range(1, n):
        x[:, t] = a * x[:, t - 1] + np.sqrt(1 - a * a) * x[:, t]
    return x


chains = {
    "independent": autoregression(0, 4, 100),
    "slow": autoregression(0.9, 4, 250),
    "alternating": autoregression(-0.9, 4, 101),
    "one": autoregression(0.5, 1, 77),
    "apart": autoregression(0.5, 3, 60) + np.array([[0], [0], [3]]),
    "scales": autoregression(0.3, 4, 80) * np.array([[1], [1], [1], [5]]),
    "cauchy": rng.standard_cauchy((4, 200)),
    "ties": np.round(2 * autoregression(0.6, 3, 90)),
    "drift": autoregression(0, 2, 64) + np.linspace(0, 3, 64),
    "far": 1e3 + autoregression(0.5, 4, 50),
}
for n in range(4, 24, 2):
    chains[f"short{n}"] = autoregression(0.2, 2, n)

with zipfile.ZipFile(pathlib.Path(__file__).parent / "diagnostics.npz", "w", zipfile.ZIP_STORED) as archive:

    def put(name, array):
        member = io.BytesIO()
        np.save(member, np.asarray(array))
        archive.writestr(zipfile.ZipInfo(name + ".npy"), member.getvalue())

    for name, x in chains.items():
        said = [arviz.ess(x, method="bulk"), arviz.ess(x, method="tail")]
        if len(x) > 1:
            said += [arviz.rhat(x, method="rank"), arviz.rhat(x, method="split")]
        assert np.isfinite(said).all(), name
        put(name, x)
        put(name + ".arviz", said)
