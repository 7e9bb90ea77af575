"""Loyalty beside a peer: survival by lifelines on the same customers."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd

from labkit import loyalty
from tests.benchmarks.peers import Beside, make_environment

LIFELINES = "lifelines==0.30.0"
COVARIATES = [f"x{k}" for k in range(8)]
_PEER = """
import json, sys, time
import pandas as pd, lifelines
table = pd.read_parquet(sys.argv[1])
started = time.perf_counter()
model = lifelines.CoxPHFitter().fit(table, "months", "left", entry_col="entry")
cox = time.perf_counter() - started
started = time.perf_counter()
curve = lifelines.KaplanMeierFitter().fit(table["months"], table["left"], entry=table["entry"])
print(json.dumps({"cox": cox, "curve": time.perf_counter() - started, "params": model.params_.tolist(),
                  "survival": [float(curve.predict(t)) for t in (12, 24, 60)]}))
"""


def make_customers(count: int, seed: int = 1) -> pd.DataFrame:
    """Customers seen from late entry on, in whole months, with eight covariates, a class and the month they began."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 8)).round(3)
    entry = rng.integers(0, 240, count)
    stay = np.ceil(rng.exponential(120 * np.exp(-(x @ np.linspace(0.3, -0.3, 8)))))
    months = entry + np.minimum(stay, 24)
    start = 2024 * 12 - entry
    names = np.array([f"{m // 12}-{m % 12 + 1:02d}" for m in range(2004 * 12, 2024 * 12 + 1)])
    return pd.DataFrame(x, columns=COVARIATES).assign(
        months=months,
        left=stay <= 24,
        entry=entry,
        kind=rng.choice(list("abcde"), count),
        start=names[start - 2004 * 12],
    )


def compare_survival(folder: Path, customers: int = 200_000) -> list[Beside]:
    """The same Cox model and the same curve, here and by lifelines."""
    table = make_customers(customers)
    table[["months", "left", "entry", *COVARIATES]].to_parquet(folder / "survival.parquet")
    (folder / "survival_peer.py").write_text(_PEER, encoding="utf-8")
    python = make_environment(folder / "lifelines", LIFELINES, "pyarrow")
    command = [python, "-W", "ignore", str(folder / "survival_peer.py"), str(folder / "survival.parquet")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peer = json.loads(done.stdout.strip().split("\n")[-1])
    started = time.perf_counter()
    model = loyalty.fit_cox(table, "months", "left", COVARIATES, entry="entry")
    cox = time.perf_counter() - started
    started = time.perf_counter()
    curve = loyalty.survival_curve(table["months"], table["left"], table["entry"])
    seconds = time.perf_counter() - started
    apart = float(np.abs(model.params.to_numpy() - peer["params"]).max())
    gap = float(np.abs(curve.at([12, 24, 60])["survival"].to_numpy() - peer["survival"]).max())
    n = f"{customers:,} customers with late entry"
    return [
        Beside(f"a Cox model of {n}, {LIFELINES} (coefficients apart)", cox * 1000, peer["cox"] * 1000, apart, 0, 1e-4),
        Beside(
            f"a survival curve of {n}, {LIFELINES} (survival apart)", seconds * 1000, peer["curve"] * 1000, gap, 0, 1e-9
        ),
    ]
