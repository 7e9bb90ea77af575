"""Beside a peer, in one run: the same rate, the same load, the same amounts, the time of each.

The peer lives in an environment of its own, made for the run and thrown away.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PYSAM = "nrel-pysam==7.1.1.post1"
OPTBINNING = "optbinning==1.0.0"
_PEER = """
import copy, json, sys, time
import PySAM.Utilityrate5 as utility, PySAM.UtilityRateTools as tools
rate, load, count = json.load(open(sys.argv[1])), json.load(open(sys.argv[2])), int(sys.argv[3])
model = utility.new()
model.Lifetime.analysis_period, model.Lifetime.system_use_lifetime_output, model.Lifetime.inflation_rate = 1, 0, 0
model.SystemOutput.degradation, model.SystemOutput.gen, model.Load.load = [0], [0.0] * 8760, load
model.ElectricityRates.rate_escalation = [0]
model.ElectricityRates.assign(tools.URDBv8_to_ElectricityRates(copy.deepcopy(rate)))
for name, value in dict(ur_monthly_min_charge=0, ur_annual_min_charge=0, ur_en_ts_sell_rate=0, ur_ts_sell_rate=[0],
                        ur_en_ts_buy_rate=0, ur_ts_buy_rate=[0], ur_nm_yearend_sell_rate=0, ur_sell_eq_buy=0,
                        ur_nm_credit_month=11, ur_nm_credit_rollover=0).items():
    try: getattr(model.ElectricityRates, name)
    except Exception: setattr(model.ElectricityRates, name, value)
model.execute(0)
bills = list(model.Outputs.year1_monthly_utility_bill_wo_sys)
loads = [[scale * kw for kw in load] for scale in (0.8, 0.9, 1.1, 1.2)]
started = time.perf_counter()
for i in range(count):
    model.Load.load = loads[i % 4]
    model.execute(0)
print(json.dumps({"seconds": time.perf_counter() - started, "bills": bills}))
"""


def commercial_rate() -> dict[str, object]:
    """A US rate: weekday peak from 15 to 20 h, seasons, demand by period with tiers, a fixed charge."""
    summer = (5, 6, 7, 8)
    week = [[(1 if 15 <= h < 20 else 0) + (0 if m in summer else 2) for h in range(24)] for m in range(12)]
    rest = [[0 if m in summer else 2] * 24 for m in range(12)]
    return {
        "label": "commercial", "dgrules": "Net Billing Instantaneous",
        "energyratestructure": [[{"rate": 0.07}], [{"rate": 0.15, "adj": 0.011}], [{"rate": 0.06}], [{"rate": 0.09}]],
        "energyweekdayschedule": week, "energyweekendschedule": rest,
        "demandratestructure": [[{"rate": 5.3, "max": 50}, {"rate": 7.1}], [{"rate": 12.0, "max": 50}, {"rate": 15.5}],
                                [{"rate": 3.1, "max": 60}, {"rate": 3.5}], [{"rate": 4.4, "max": 60}, {"rate": 5.5}]],
        "demandweekdayschedule": week, "demandweekendschedule": rest,
        "flatdemandstructure": [[{"rate": 3.6}]], "flatdemandmonths": [0] * 12,
        "fixedchargefirstmeter": 30.25, "fixedchargeunits": "$/month",
    }  # fmt: skip


def commercial_load() -> np.ndarray:
    """Hourly load of a year [kWh]."""
    hours = np.arange(8760)
    day = np.maximum(0.0, np.sin(2 * math.pi * (hours % 24 - 6) / 24))
    return (50 + 30 * day * (1 + 0.3 * np.sin(2 * math.pi * hours / 8760)) + hours * 7919 % 23).round(4)


@dataclass(frozen=True)
class Beside:
    """Time of one piece of work here and there [ms], and the largest difference of the amounts."""

    what: str
    ours_ms: float
    peer_ms: float
    difference: float
    least_ratio: float
    most_apart: float

    @property
    def row(self) -> str:
        """A line of the table."""
        ratio = self.peer_ms / self.ours_ms
        kept = "yes" if ratio >= self.least_ratio and self.difference <= self.most_apart else "**no**"
        return (
            f"| {self.what} | {self.ours_ms:.2g} ms | {self.peer_ms:.3g} ms | {ratio:,.0f} | {self.least_ratio:.0f} | "
            f"{self.difference:.2g} of {self.most_apart:g} | {kept} |"
        )


def compare_bills(folder: Path, customers: int = 4000, peer_runs: int = 200) -> Beside:
    """Bills of the same rate and load, by `bill_loads` and by PySAM."""
    from labkit.tariffs import Tariff, bill_loads

    python = make_environment(folder / "pysam", PYSAM)
    rate, load = commercial_rate(), commercial_load()
    for name, content in (("rate.json", rate), ("load.json", load.tolist())):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    (folder / "peer.py").write_text(_PEER, encoding="utf-8")
    command = [python, *(str(folder / n) for n in ("peer.py", "rate.json", "load.json"))]
    done = subprocess.run([*command, str(peer_runs)], check=True, capture_output=True, text=True)
    peer = json.loads(done.stdout.strip().split("\n")[-1])
    tariff = Tariff.from_urdb(rate)
    loads = load * np.random.default_rng(3).uniform(0.8, 1.2, (customers, 1))
    loads[0] = load
    bill_loads(tariff, loads[:10], "2018-01-01", 60)  # the first call reads what is cached later
    started = time.perf_counter()
    table = bill_loads(tariff, loads, "2018-01-01", 60)
    seconds = time.perf_counter() - started
    apart = np.abs(table.loc[table["row"] == 0, "total_yuan"].to_numpy() - np.array(peer["bills"])).max()
    what = f"a customer-year billed by a US rate, {PYSAM} (yuan apart, a month)"
    return Beside(what, seconds / customers * 1000, peer["seconds"] / peer_runs * 1000, float(apart), 20, 0.05)


def make_environment(folder: Path, *packages: str) -> str:
    """Python of a new environment with some packages."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "-q", *packages], check=True, capture_output=True)
    return str(folder / "bin" / "python")


_SCORE_PEER = """
import json, sys, time
import numpy as np
from optbinning import OptimalBinning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
data = np.load(sys.argv[1])
x, bad, train = data["x"], data["bad"], data["train"]
started = time.perf_counter()
woe = np.empty_like(x)
for k in range(x.shape[1]):
    one = OptimalBinning(dtype="numerical", monotonic_trend="auto_asc_desc", max_n_bins=8, min_bin_size=0.05)
    one.fit(x[train, k], bad[train])
    woe[:, k] = one.transform(x[:, k], metric="woe")
model = LogisticRegression(C=1e6).fit(woe[train], bad[train])
chance = model.predict_proba(woe[~train])[:, 1]
print(json.dumps({"seconds": time.perf_counter() - started, "auc": roc_auc_score(bad[~train], chance)}))
"""


def score_cases(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Attributes of customers, (count, 20), some of which tell something, and who turned bad."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=count)
    x = 0.15 * (np.arange(20) % 5) * risk[:, None] + rng.normal(size=(count, 20))
    return x, (rng.random(count) < 1 / (1 + np.exp(3 - risk))).astype(int)


def compare_scorecard(folder: Path, customers: int = 100_000) -> Beside:
    """A scorecard on the same split, by `fit_scorecard` and by optbinning with scikit-learn."""
    import pandas as pd

    from labkit import arrears

    x, bad = score_cases(customers)
    train = np.random.default_rng(2).random(customers) < 0.7
    np.savez(folder / "cases.npz", x=x, bad=bad, train=train)
    (folder / "score_peer.py").write_text(_SCORE_PEER, encoding="utf-8")
    python = make_environment(folder / "optbinning", OPTBINNING)
    command = [python, "-W", "ignore", str(folder / "score_peer.py"), str(folder / "cases.npz")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peer = json.loads(done.stdout.strip().split("\n")[-1])
    table = pd.DataFrame(x, columns=[f"x{k:02d}" for k in range(x.shape[1])])
    started = time.perf_counter()
    card = arrears.fit_scorecard(table[train].assign(bad=bad[train]), "bad")
    chance = card.probability(table[~train])
    seconds = time.perf_counter() - started
    apart = abs(arrears.measure_auc(bad[~train], chance).value - peer["auc"])
    what = f"a customer of 20 attributes scored, {OPTBINNING} with scikit-learn (AUC apart)"
    return Beside(what, seconds / customers * 1000, peer["seconds"] / customers * 1000, float(apart), 0, 0.005)


def compare_shift(customers: int = 2000, days: int = 60, solved: int = 300) -> Beside:
    """Load shifting of a day in array code, and by one linear programme a day (HiGHS)."""
    from labkit import dsm

    rng = np.random.default_rng(7)
    load = rng.uniform(0.1, 2.0, (customers, days, 48))
    price = np.where((np.arange(48) >= 30) & (np.arange(48) < 42), 1.0, 0.4) + rng.uniform(0, 0.1, (days, 48))
    rules = {"efficiency": 0.95, "cost": 0.02}
    started = time.perf_counter()
    after = dsm.shift(load, price, 0.2, 0.3, 2.0, **rules)
    ours = (time.perf_counter() - started) / (customers * days) * 1000
    change = after - load
    mine = (price * change).sum(axis=2) + rules["cost"] * np.maximum(-change, 0).sum(axis=2)
    cases = [(int(i), int(d)) for i, d in zip(rng.integers(0, customers, solved), rng.integers(0, days, solved))]
    started = time.perf_counter()
    plans = [dsm.solve_shift(load[i, d], price[d], 0.2, 0.3, budget=2.0, **rules) for i, d in cases]
    peer = (time.perf_counter() - started) / solved * 1000
    apart = max(abs(plan.objective_yuan - mine[case]) for plan, case in zip(plans, cases))
    return Beside(
        "a customer-day of 48 slots shifted, one HiGHS programme a day (yuan apart)",
        ours,
        peer,
        float(apart),
        100,
        1e-6,
    )
