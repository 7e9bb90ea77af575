"""Files like those published, of full size: made in seconds, each from a pool of numbers as they are written there."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_uci(path: Path, rows: int = 140_256, customers: int = 370) -> Path:
    """A file like LD2011_2014.txt: quarter-hours of four years, a column a customer, decimal commas."""
    rng = np.random.default_rng(11)
    pool = np.array(
        [
            f"{value:.12f}".rstrip("0").replace(".", ",") + ("0" if value == 0 else "")
            for value in rng.lognormal(2, 1.5, 4096)
        ],
        object,
    )
    ends = np.datetime64("2011-01-01T00:15") + np.arange(rows) * np.timedelta64(15, "m")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write('"";' + ";".join(f'"MT_{i:03d}"' for i in range(1, customers + 1)) + "\n")
        for ts, picked in zip(np.datetime_as_string(ends), (rng.integers(0, 4096, customers) for _ in range(rows))):
            file.write(f'"{ts.replace("T", " ")}:00";' + ";".join(pool[picked]) + "\n")
    return path


def write_lcl(path: Path, households: int = 440, days: int = 730, start: str = "2012-01-01") -> Path:
    """A file like that of Low Carbon London: half-hours of households, one after the other, 765 MB at this size."""
    rng = np.random.default_rng(12)
    ends = np.datetime64(start) + (1 + np.arange(days * 48)) * np.timedelta64(30, "m")
    times = [f"{ts.replace('T', ' ')}:00.0000000" for ts in np.datetime_as_string(ends)]
    pool = np.array([f" {value:.3f} " for value in rng.lognormal(-1.5, 0.8, 4096)], object)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("LCLid,stdorToU,DateTime,KWH/hh (per half hour) \r\n")
        for i in range(households):
            head = f"MAC{i:06d},{'ToU' if i % 5 == 0 else 'Std'},"
            cells = pool[rng.integers(0, 4096, len(times))]
            file.write("".join(f"{head}{ts},{kwh}\r\n" for ts, kwh in zip(times, cells)))
    return path
