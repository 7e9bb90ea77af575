"""Smart metering electricity customer behaviour trial of the Commission for Energy Regulation (Ireland, 2009 to 2010).

Some 6,400 homes and businesses, energy of each half-hour [kWh], in six files without a header: meter, code, energy,
separated by spaces. Access is granted on request by the Irish Social Science Data Archive, study 0012-00, for research
and teaching; the data must not be passed on. Source: https://www.ucd.ie/issda/data/commissionforenergyregulationcer/

Traps: the code of five digits is the day (three digits, 001 is 1 January 2009) and the half-hour of the day (two
digits, 01 begins at 00:00). On the days the clocks go back there are codes 49 and 50. The archive's notes on those days
could not be consulted: codes are taken as half-hours that have passed since local midnight, as settlement periods are
numbered, so 46 on the short day and 50 on the long one; the second pass of the hour that repeats, and codes beyond the
end of their day, are set aside. Homes, businesses and others are told apart only in
the table of allocations, which is not read.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labkit.intake.clock import repeated_hour_rule, to_wall_time
from labkit.intake.findings import CheckResult, IntakeError
from labkit.intake.formats.taking import customers_source, data_files, make_store, open_lines
from labkit.intake.mapping import FileMapping
from labkit.intake.sources import Source
from labkit.intake.streams import WrappedSource, ids_of
from labkit.schema import Rule
from labkit.store import About

ZONE = "Europe/Dublin"
LINE = re.compile(r"^\d+ \d{5} -?[\d.]+\s*$")
_DAY_ZERO = dt.datetime(2008, 12, 31, tzinfo=ZoneInfo(ZONE))
_ABOUT = About("CER smart metering trial", "爱尔兰 CER 智能电表试验", ZONE, "IE", "EUR", "open")


def intake_cer(path: Path, out: Path) -> CheckResult:
    """Make a store of the trial's files.

    Parameters
    ----------
    path : Path
        ``File1.txt`` … as handed out, one of them or their folder.
    out : Path
        The store: ``customers`` and ``readings``.

    Raises
    ------
    IntakeError
        If a file does not have this layout.
    """
    files = data_files(Path(path), (".txt",))
    if not files:
        raise IntakeError(f"{path}: holds no .txt file; expected File1.txt to File6.txt of the trial")
    sources = [_open(file) for file in files]
    customers = customers_source(files[0], {"customer_id": sorted(set().union(*(ids_of(one, 0) for one in sources)))})
    given = FileMapping("", "readings", interval_min=30)
    return make_store([(customers, "customers", None), *((one, "readings", given) for one in sources)], _ABOUT, out)


def _open(path: Path) -> Source:
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
    if not LINE.match(first):
        raise IntakeError(
            f"{path.name}:1: not the layout of the CER trial: expected a meter, a code of five digits and kWh, as in 1392 19503 0.14"
        )
    return WrappedSource(path, path.name, inner=open_lines(path, " ", ["customer_id", "ts", "kwh"], 0), change=_timed)


def _timed(batch: pa.RecordBatch, lines: np.ndarray, invalid: list) -> tuple[pa.RecordBatch, np.ndarray]:
    """Codes as times; what cannot be placed on the clock is set aside."""
    coded = pc.utf8_trim_whitespace(batch.column(1)).dictionary_encode()
    told = [time_of(code) for code in coded.dictionary.to_pylist()]
    codes = coded.indices.to_numpy()
    out = np.array([not isinstance(one, str) for one in told], bool)[codes]
    for line, code in zip(lines[out].tolist(), codes[out].tolist()):
        invalid.append((line, coded.dictionary[code].as_py(), told[code]))
    times = pa.array([one if isinstance(one, str) else "" for one in told], pa.string()).take(coded.indices)
    kept = pa.RecordBatch.from_arrays([batch.column(0), times, batch.column(2)], names=batch.schema.names)
    return kept.filter(pa.array(~out)), lines[~out]


@lru_cache(maxsize=100_000)
def time_of(code: str) -> str | Rule:
    """Local time that a code stands for, or the rule it breaks.

    Examples
    --------
    >>> time_of("19503"), time_of("00148")
    ('2009-07-14 01:00', '2009-01-01 23:30')
    >>> time_of("29805").id, time_of("29850")
    ('readings.ts.repeated_hour', '2009-10-25 23:30')
    >>> time_of("45247").id
    'readings.ts.code'
    """
    if not re.fullmatch(r"\d{5}", code) or not 1 <= int(code[3:]) <= 50 or int(code[:3]) < 1:
        return _code_rule()
    day = _DAY_ZERO + dt.timedelta(days=int(code[:3]))
    start = int(day.timestamp()) + (int(code[3:]) - 1) * 1800
    wall, repeated = to_wall_time(np.array([start]), ZONE)
    if repeated[0]:
        return repeated_hour_rule()
    shown = str(wall.astype("datetime64[s]")[0])[:16].replace("T", " ")
    return shown if shown[:10] == str(day.date()) else _code_rule()


def _code_rule() -> Rule:
    return Rule(
        "readings.ts.code",
        ("ts",),
        lambda t: t.ts.isnull(),
        "no half-hour of its day: expected three digits of the day and 01 to 48 (46 or 50 when clocks change)",
        "时间编码无效：应为三位日序号加 01 至 48（夏令时切换日为 46 或 50）",
        "restore the line from the source",
        "请按源文件恢复",
    )
