"""Speed and memory as promised: `make bench` measures, and renews README.md beside this file.

Every measurement is a process of its own: seconds by the wall, seconds of CPU,
peak memory. Ratios are to a plain scan of the same data in the same run, so that
a busy machine changes both.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.engine_peers import compare_engines
from tests.benchmarks.loyalty_peers import compare_survival
from tests.benchmarks.measuring import Case, measure
from tests.benchmarks.peers import compare_bills, compare_scorecard, compare_shift
from tests.benchmarks.profile_peers import compare_profiles
from tests.benchmarks.service_peers import compare_sites
from tests.benchmarks.tag_peers import compare_checks, compare_subsumption

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "data" / "sample"


def cases(folder: Path) -> list[Case]:
    """All measurements; earlier ones make the data of later ones."""
    long, hours = folder / "long", 8760
    long.mkdir()
    opened = f"import labkit; lab = labkit.open({str(SAMPLE)!r})"
    return [
        Case("sample of 2,000 customers", f"from labkit.sample import make_sample; make_sample({str(folder / 'sample')!r})", 60, 2000),
        Case("sample of 20,000 customers (memory does not grow)", f"from labkit.sample import make_sample; make_sample({str(folder / 'big')!r}, 20_000)", None, 2000),
        Case(
            "(make a CSV of 17.5 M readings)",
            f"""
import duckdb
con = duckdb.connect()
con.execute("COPY (SELECT 'C' || lpad((i // {hours})::VARCHAR, 7, '0') customer_id, strftime(TIMESTAMP '2025-01-01' + (i % {hours}) * INTERVAL 1 HOUR, '%Y-%m-%d %H:%M:%S') ts, round(0.2 + (i * 7919 % 3000) / 1000, 3) kwh FROM range({2000 * hours}) t(i)) TO '{long / "readings.csv"}' (HEADER)")
con.execute("COPY (SELECT 'C' || lpad(i::VARCHAR, 7, '0') customer_id FROM range(2000) t(i)) TO '{long / "customers.csv"}' (HEADER)")
""",
        ),
        Case("labkit check, store of 15.6 M hourly and 1.8 M quarter-hourly readings", f"from labkit.intake import check; check({str(SAMPLE)!r})", 15, 1500),
        Case("labkit check, CSV of 17.5 M readings", f"from labkit.intake import check; check({str(long)!r})", 15, 1500),
        Case("labkit intake, the same CSV to a store", f"from labkit.intake import intake; intake({str(long)!r}, {str(folder / 'store')!r})"),
        Case("(make the same as Parquet)", f"import duckdb, pathlib; pathlib.Path({str(folder / 'packed')!r}).mkdir(); duckdb.sql(\"COPY (SELECT customer_id, ts::TIMESTAMP ts, kwh FROM '{long / 'readings.csv'}') TO '{folder / 'packed' / 'readings.parquet'}'\"); pathlib.Path({str(folder / 'packed' / 'customers.csv')!r}).write_bytes(pathlib.Path({str(long / 'customers.csv')!r}).read_bytes())"),
        Case("labkit intake, the same readings as Parquet to a store", f"from labkit.intake import intake; intake({str(folder / 'packed')!r}, {str(folder / 'packed_store')!r})"),
        *(
            Case(f"the same {name} to day rows by DuckDB alone, nothing checked", _BARE.format(source=str(folder / where), out=str(folder / "bare.parquet")))
            for name, where in (("CSV", "long/readings.csv"), ("Parquet", "packed/readings.parquet"))
        ),
        Case(
            "labkit intake --format uci, 140,256 quarter-hours of 370 customers (800 MB)",
            f"intake_format('uci', source, Path({str(folder / 'uci')!r})); source.unlink()", 90, 1500,
            f"from pathlib import Path; from labkit.intake.formats import intake_format; from tests.benchmarks.formats_data import write_uci; source = write_uci(Path({str(folder / 'LD2011_2014.txt')!r}))",
        ),
        Case(
            "labkit intake --format lcl, 15.4 M half-hours of 440 households (786 MB)",
            f"intake_format('lcl', source, Path({str(folder / 'lcl')!r})); source.unlink()", None, 1500,
            f"from pathlib import Path; from labkit.intake.formats import intake_format; from tests.benchmarks.formats_data import write_lcl; source = write_lcl(Path({str(folder / 'lcl.csv')!r}))",
        ),
        Case("(make a CSV of 5 M readings, one in a hundred bad)", f"from pathlib import Path; from tests.benchmarks.data import make_bad_readings; make_bad_readings(Path({str(folder / 'bad')!r}), 5_000_000)"),
        Case(
            "labkit intake, CSV of 5 M readings, one in a hundred bad, to a store and a quarantine",
            f"from labkit.intake import intake; found = intake({str(folder / 'bad')!r}, {str(folder / 'bad_store')!r}); assert len(found.quarantine['readings']) == 50_000", 10, 1200,
        ),
        Case(
            "labkit intake, the same with a broken byte, a NUL and a quote left open",
            f"from labkit.intake import intake; found = intake({str(folder / 'worse')!r}, {str(folder / 'worse_store')!r}); assert len(found.quarantine['readings']) == 50_003", 10, 1200,
            f"import shutil; shutil.rmtree({str(folder / 'worse')!r}, ignore_errors=True); shutil.copytree({str(folder / 'bad')!r}, {str(folder / 'worse')!r}); out = open({str(folder / 'worse' / 'readings.csv')!r}, 'ab'); out.write(b'C0000001,2027-01-01 00:00:00,1\\xff\\nC0000001,2027-01-01 01:00:00,1\\0\\nC0000001,2027-01-01 02:00:00,\"1\\n'); out.close()",
        ),
        Case("plain scan of the day rows (sum of every slot)", f"{opened}; c = ', '.join(f'sum(p{{i:02d}})' for i in range(96)); lab.backend.raw_sql('SELECT ' + c + ' FROM readings').fetchall()"),
        Case("load features", f"{opened}; from labkit import profiles; profiles.load_features(lab)"),
        Case(
            "load features in pandas, written out",
            f"""
{opened}
import pandas as pd
wide = lab.run(lab.readings)
slots = [f"p{{i:02d}}" for i in range(96)]
long = wide.melt(["customer_id", "interval_min"], slots, value_name="wh").dropna(subset=["wh"])
by = long.groupby("customer_id")
energy, highest, minutes = by["wh"].sum(), by["wh"].max(), by["interval_min"].sum()
""",
        ),
        Case("portrait", f"{opened}; from labkit import portrait; portrait.portrait(lab)", 15, None),
        Case("notebook 01 in both languages, with pages", f"from labkit.report.run import run_report; run_report({str(SAMPLE)!r}, {str(folder / 'reports')!r}, only=['01'], progress=False)", 60, None),
        Case("notebook 05 in both languages, with pages and account sheets", f"from labkit.report.run import run_report; run_report({str(SAMPLE)!r}, {str(folder / 'reports')!r}, only=['05'], progress=False)", 120, None),
        Case("(make a store of 10,000 customers x 365 days x 48)", f"from pathlib import Path; from tests.benchmarks.data import make_store; make_store(Path({str(folder / 'half_hours')!r}), 10_000)"),
        Case(
            "bill_many, 10,000 customers x 365 x 48 in the store",
            "bill_many(tariff, lab)", 6, 2000,
            f"import labkit; from labkit.tariffs import bill_many, read_tariffs; lab = labkit.open({str(folder / 'half_hours')!r}, verify=False); tariff = read_tariffs()['TWO_PART_DEMAND']",
        ),
        Case(
            "bill_loads, 10,000 customers x 365 x 48 in memory (0.7 GB of it the loads)",
            "bill_loads(tariff, loads, '2025-01-01', 30, capacity_kva=10.0)", 6, 2000,
            "import numpy as np; from labkit.tariffs import bill_loads, read_tariffs; tariff = read_tariffs()['TWO_PART_DEMAND']; loads = np.random.default_rng(1).random((10_000, 17_520), dtype=np.float32)",
        ),
        *(
            Case(
                f"dsm.{shape}, 10,000 customers x 365 x 48 in memory (0.7 GB of it the loads, 0.7 GB the result)",
                call, 60, 2000,
                "import numpy as np; from labkit import dsm; rng = np.random.default_rng(1); load = rng.random((10_000, 365, 48), dtype=np.float32); price = rng.random((365, 48))",
            )
            for shape, call in (("shift", "dsm.shift(load, price, 0.2, 0.3, 2.0, 0.95, 0.02)"), ("clip", "dsm.clip(load, 0.2, 0.3, 2.0, 0.5)"))
        ),
        Case(
            "dsm.baseline_daily, 1,000 meters x 365 days",
            "for i in range(1000): dsm.baseline_daily(use + rng.normal(0, 2, 365), warm, 'C')", 60, None,
            "import numpy as np, pandas as pd; from labkit import dsm; rng = np.random.default_rng(1); days = pd.date_range('2025-01-01', periods=365); warm = pd.Series(15 - 12 * np.cos(np.arange(365) * 2 * np.pi / 365) + rng.normal(0, 3, 365), days); use = 10 + 2 * np.maximum(14 - warm, 0) + np.maximum(warm - 22, 0)",
        ),
        Case("(make 24 M bills with their payments)", f"from pathlib import Path; from tests.benchmarks.data import make_bills; make_bills(Path({str(folder)!r}), 24_000_000)"),
        Case(
            "arrears ledger of 24 M bills balanced and aged",
            f"from pathlib import Path; from labkit import arrears; from tests.benchmarks.data import open_bills; books = open_bills(Path({str(folder)!r})); assert arrears.reconcile(books).balances; arrears.age_receivables(books)",
            60, None,
        ),
        Case(
            "scorecard, 1,000,000 customers x 20 attributes",
            "arrears.fit_scorecard(table, 'bad')", 60, None,
            "import pandas as pd; from labkit import arrears; from tests.benchmarks.peers import score_cases; x, bad = score_cases(1_000_000); table = pd.DataFrame(x, columns=[f'x{k:02d}' for k in range(20)]).assign(bad=bad)",
        ),
        *(
            Case(f"notebook {no} in both languages, with pages", f"from labkit.report.run import run_report; run_report({str(SAMPLE)!r}, {str(folder / 'reports')!r}, only=[{no!r}], progress=False)", 120, None)
            for no in ("02", "03", "06", "07", "08", "09", "10")
        ),
        Case("(make portraits of 1,000,000 customers)", f"from pathlib import Path; from tests.benchmarks.tag_peers import make_portraits; make_portraits(Path({str(folder / 'portraits.parquet')!r}), 1_000_000)"),
        Case(
            "tags.assign, rules of the combined scheme (193 of them) on 1,000,000 portraits",
            f"table = ibis.read_parquet({str(folder / 'portraits.parquet')!r}); found = tags.assign(table, library); assert found.matrix.shape[0] == 1_000_000",
            10, None, "import ibis; from labkit import tags; library = tags.read_catalogue('combined')",
        ),
        Case(
            "tags.induce, co-occurrence and subsumption of 8,000,000 taggings of 1,000,000 customers with 500 tags",
            "tags.induce(table, 'subsumption', threshold=0.5)", 20, 4000,
            "from labkit import tags; from tests.benchmarks.tag_peers import taggings; table = taggings(1_000_000, 500, 8)",
        ),
        Case(
            "tags.check, a thesaurus of 7,400 classes and some 110,000 triples, after parsing",
            "tags.check(scheme)", 3, None,
            f"from labkit import tags; from tests.benchmarks.tag_peers import thesaurus; thesaurus(7400).write({str(folder / 'large.ttl')!r}); scheme = tags.Scheme.read({str(folder / 'large.ttl')!r})",
        ),
        Case(
            "service.site_centres, p-median of 200 x 200 with p = 10 proved, five instances",
            "for cost, demand in instances: assert service.site_centres(cost, demand, 10).proved", 300, None,
            "from labkit import service; from tests.benchmarks.service_peers import instance; instances = [instance(200, seed) for seed in range(5)]",
        ),
        Case(
            "service: topics, growth and hot spots of 200,000 tickets in their own words",
            "service.find_topics(table['text'], customers=table['customer_id']); service.follow_topics(table['topic'], table['month'], table['customer_id'], seed=1); service.hot_topics(service.count_cells(table['topic'], table, customers))",
            60, None, "from labkit import service; from tests.benchmarks.service_peers import make_tickets; table, customers = make_tickets(200_000)",
        ),
        Case(
            "loyalty.survival_curve, 1,000,000 customers with late entry",
            "loyalty.survival_curve(table['months'], table['left'], table['entry'])", 1, None, _CUSTOMERS,
        ),
        Case(
            "loyalty.fit_cox with baseline and prediction of five years, 1,000,000 customers in whole months, 8 covariates",
            "model = loyalty.fit_cox(table, 'months', 'left', COVARIATES, entry='entry'); model.predict_survival(table, range(12, 61, 12), alive_until=table['entry'])",
            30, None, _CUSTOMERS,
        ),
        Case(
            "loyalty.fit_hazard, 1,000,000 customers, class and two numbers",
            "loyalty.fit_hazard(table, 'months', 'left', ['kind', 'x0', 'x7'], entry='entry')", 5, None, _CUSTOMERS,
        ),
        Case(
            "loyalty.fit_hazard, the same with contract clock and monthly prices",
            "loyalty.fit_hazard(table, 'months', 'left', ['kind', 'x0', 'x7'], entry='entry', start='start', renewal='ends', calendar=prices)", 5, None,
            _CUSTOMERS + "; import numpy as np, pandas as pd; table['ends'] = table['entry'] + np.random.default_rng(2).integers(-10, 40, len(table)); prices = pd.DataFrame({'gap': np.sin(np.arange(24))}, index=[f'{y}-{m:02d}' for y in (2024, 2025) for m in range(1, 13)])",
        ),
        Case(
            "loyalty.driver_importance (LMG), 14 drivers, 5,000 answers",
            "loyalty.driver_importance(y, x, draws=200)", 2, None,
            "import numpy as np, pandas as pd; from labkit import loyalty; rng = np.random.default_rng(1); x = pd.DataFrame(rng.normal(size=(5000, 14)) @ rng.normal(size=(14, 14))); y = x.sum(axis=1) + rng.normal(size=5000)",
        ),
        Case(
            "segments: 100,000 typical days of 48 half-hours in 8 groups by each method",
            "for method in METHODS: found = group_points(days, 8, method, seed=1); assert len(set(found.labels.tolist())) == 8", 60, None,
            "from labkit.segments import METHODS, group_points; from tests.benchmarks.data import make_days; days = make_days(100_000)",
        ),
        Case("Ctrl-C: from the signal to the stopped query", _CTRL_C, 1, None),
    ]  # fmt: skip


#: What the engine itself takes for as much: no rule, no report of bad rows, no months apart, twice the same reading unseen.
_BARE = """
import duckdb
slots = ", ".join(f"max(wh) FILTER (h = {{i}}) p{{i:02d}}" for i in range(24))
rows = "SELECT customer_id, ts::DATE AS day, hour(ts) h, round(kwh * 1000)::INTEGER wh FROM '{source}'"
duckdb.sql(f"COPY (SELECT customer_id, day, {{slots}} FROM ({{rows}}) GROUP BY ALL ORDER BY customer_id, day) TO '{out}' (COMPRESSION zstd)")
"""
_CUSTOMERS = "from labkit import loyalty; from tests.benchmarks.loyalty_peers import COVARIATES, make_customers; table = make_customers(1_000_000)"
_CTRL_C = """
import os, signal, threading
from labkit import engine
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
backend = engine.connect()
backend.raw_sql("CREATE VIEW v AS SELECT count(*) c FROM range(9000000) a, range(9000000) b WHERE (a.range * b.range) % 7 = 3")
table, sent = backend.table("v"), []
threading.Timer(1.0, lambda: (sent.append(time.monotonic()), os.kill(os.getpid(), signal.SIGINT))).start()
try: backend.execute(table)
except KeyboardInterrupt: started = sent[0]
"""


def main(only: str = "") -> None:
    """Measure everything and write the table; with a word, renew the lines that contain it."""
    rows, scan, beside = [], 1.0, []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder)):
            if only not in case.name and not case.name.startswith("("):
                continue
            seconds, cpu, memory = measure(case)
            print(f"{case.name}: {seconds:.1f} s, {cpu:.1f} s CPU, {memory:,.0f} MB", flush=True)
            if case.name.startswith("plain scan"):
                scan = cpu
            if case.name.startswith("("):
                continue
            ratio = (
                f"{cpu / scan:.1f}" if "features" in case.name or "scan" in case.name or case.name == "portrait" else ""
            )
            bound = ", ".join(
                f"{value:,.0f} {unit}"
                for value, unit in ((case.bound_s, "s"), (case.bound_mb, "MB"))
                if value is not None
            )
            kept = (case.bound_s or 1e9) >= seconds and (case.bound_mb or 1e9) >= memory
            verdict = "" if not bound else ("yes" if kept else "**no**")
            rows.append(f"| {case.name} | {seconds:.2f} | {cpu:.2f} | {memory:,.0f} | {ratio} | {bound} | {verdict} |")
        if only in "profiles":
            rows += compare_profiles(Path(folder))
            print(*rows[-7:], sep="\n", flush=True)
        # Last: a child's peak counts this process's own from before it began.
        if only in "peer":
            beside = [compare_bills(Path(folder)).row, compare_shift().row, compare_scorecard(Path(folder)).row]
            beside += [compare_checks(Path(folder)).row, compare_subsumption().row, compare_sites(Path(folder)).row]
            beside += [one.row for one in compare_survival(Path(folder))]
            beside += [compare_engines(SAMPLE).row]
            print(*beside, sep="\n", flush=True)
    peers = [
        "",
        "## Beside peers",
        "",
        "One run, the same input; PySAM in an environment of its own. Milliseconds by the wall.",
        "",
        "| what | labkit | peer | times faster | bound | largest difference, of what is allowed | kept |",
        "|---|---|---|---|---|---|---|",
    ]
    if only:
        _renew(rows, peers, beside)
        return
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("duckdb", "ibis-framework", "pyarrow", "pandas", "numpy")
    )
    head = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. Each line is a process of its own and includes starting Python and",
        "importing what it needs. Ratios are CPU seconds over those of the plain scan of the same run.",
        "",
        f"Measured on {machine}, Python {platform.python_version()}, {versions}.",
        "",
        "| what | s | CPU s | peak MB | ratio to scan | bound | kept |",
        "|---|---|---|---|---|---|---|",
    ]
    (HERE / "README.md").write_text("\n".join([*head, *rows, *peers, *beside, ""]), encoding="utf-8")


def _renew(rows: list[str], peers: list[str], beside: list[str]) -> None:
    """Put new lines in the place of old ones; those that were not there come last in their table."""
    old = (HERE / "README.md").read_text(encoding="utf-8").split("\n")
    if "## Beside peers" not in old:
        old = [*old[:-1], *peers, ""]
    at = old.index("## Beside peers")
    tables = [(old[: at - 1], rows), (old[at - 1 : -1], beside)]
    kept: list[str] = []
    for lines, fresh in tables:
        new = {row.split("|")[1]: row for row in fresh}
        kept += [new.pop(line.split("|")[1], line) if line.startswith("|") else line for line in lines]
        kept += new.values()
    (HERE / "README.md").write_text("\n".join([*kept, ""]), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])
