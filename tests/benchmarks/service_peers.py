"""Service beside peers: p-medians by spopt; tickets in their own words."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd

from labkit import service
from tests.benchmarks.peers import Beside, make_environment

SPOPT = ("spopt==0.7.0", "pulp<3")
_PEER = """
import json, sys, time
import numpy as np, pulp
from spopt.locate import PMedian
data = np.load(sys.argv[1])
started, values = time.perf_counter(), []
for cost, demand in zip(data["cost"], data["demand"]):
    model = PMedian.from_cost_matrix(cost, demand, p_facilities=10)
    model = model.solve(pulp.PULP_CBC_CMD(msg=False))
    values.append(pulp.value(model.problem.objective))
print(json.dumps({"seconds": time.perf_counter() - started, "values": values}))
"""


def instance(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places in a square, each a demand point and a candidate."""
    rng = np.random.default_rng(seed)
    at = rng.random((size, 2)) * 100
    return np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)), rng.integers(1, 100, size).astype(float)


def compare_sites(folder: Path, size: int = 200, instances: int = 2) -> Beside:
    """The same p-medians proved, by `site_centres` and by spopt with CBC."""
    made = [instance(size, seed) for seed in range(instances)]
    np.savez(folder / "sites.npz", cost=np.stack([c for c, _ in made]), demand=np.stack([d for _, d in made]))
    (folder / "site_peer.py").write_text(_PEER, encoding="utf-8")
    python = make_environment(folder / "spopt", *SPOPT)
    command = [python, "-W", "ignore", str(folder / "site_peer.py"), str(folder / "sites.npz")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peer = json.loads(done.stdout.strip().split("\n")[-1])
    started = time.perf_counter()
    values = [service.site_centres(cost, demand, 10).value for cost, demand in made]
    seconds = time.perf_counter() - started
    apart = max(abs(a - b) for a, b in zip(values, peer["values"], strict=True))
    what = f"a p-median of {size} x {size} with p = 10, {SPOPT[0]} with CBC (optimum apart)"
    return Beside(what, seconds / instances * 1000, peer["seconds"] / instances * 1000, float(apart), 0, 1e-3)


def make_tickets(count: int, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tickets whose words differ nearly all, in two languages, of a fifth as many customers."""
    rng = np.random.default_rng(seed)
    heads = (
        "停电了",
        "电压低",
        "电费太高",
        "发票没收到",
        "充电桩报装",
        "计划停电",
        "meter broken",
        "high bill",
        "no supply",
        "过户手续",
    )
    places = ("城东", "城西", "河口", "新村", "工业园", "north side", "old town", "东山")
    tails = ("请尽快处理", "什么时候恢复", "已经三天", "please help", "影响生产", "家里有老人", "请核实", "很着急")
    head, place, tail = (rng.integers(0, len(x), count) for x in (heads, places, tails))
    number = rng.integers(0, 10_000, count)
    text = [
        f"{places[b]}{number[i] % 977}号楼{heads[a]}，{tails[c]} {chr(0x4E00 + number[i] % 3000)}"
        for i, (a, b, c) in enumerate(zip(head, place, tail, strict=True))
    ]
    who = rng.integers(0, count // 5, count)
    months = pd.period_range("2024-01", periods=24, freq="M").astype(str).to_numpy()
    table = pd.DataFrame(
        {
            "customer_id": who,
            "text": text,
            "topic": np.array(heads)[head],
            "month": months[rng.integers(0, 24, count)],
            "area_id": np.array([f"A{i:02d}" for i in range(20)])[who % 20],
        }
    )
    table["customer_id"] = "C" + table["customer_id"].astype(str)
    customers = table.drop_duplicates("customer_id")[["customer_id", "area_id"]]
    return table, customers
