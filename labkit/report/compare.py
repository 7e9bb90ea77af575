"""Two runs of the report compared: which findings moved, by how much, and whether by more than chance allows.

References
----------
Newcombe, R. G. (1998). Interval estimation for the difference between independent
proportions. Statistics in Medicine 17, 873-890 (its method 10, for any two intervals:
Zou, G. Y. & Donner, A. (2008). Statistics in Medicine 27, 1693-1702,
https://doi.org/10.1002/sim.3095).
"""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from labkit import privacy
from labkit.findings import Finding, Findings, read_findings

#: A 95 % interval reaches this many standard errors to each side.
_REACH = 1.959963984540054
_COLUMNS = [
    "id", "label_en", "label_zh", "status", "old", "new", "difference", "difference_low", "difference_high",
    "standard_errors", "overlap", "beyond_chance",
]  # fmt: skip


class CompareError(ValueError):
    """Runs that cannot be compared; says which and what to do."""


def read_run(folder: Path) -> Findings:
    """Findings of a published run.

    Raises
    ------
    CompareError
        If there is no such folder, it is no run, or the run has no findings.
    """
    if not folder.is_dir():
        raise CompareError(f"{folder} does not exist: name the folder of a run, such as reports/run-3dab477d")
    if not (folder / "findings").is_dir():
        if not (folder / "index.html").is_file():
            raise CompareError(f"{folder} is not a run of the report: make one with `labkit report --out {folder}`")
        raise CompareError(f"the run {folder} has no findings: make it anew with `labkit report`")
    try:
        found = read_findings(folder / "findings")
    except (ValueError, TypeError) as error:
        raise CompareError(f"the findings of {folder} cannot be read ({error}): make the run anew") from error
    if not found:
        raise CompareError(f"the run {folder} has no findings: make it anew with `labkit report`")
    return found


def compare_runs(old: Findings, new: Findings, minimum: int = privacy.MIN_CUSTOMERS) -> pd.DataFrame:
    """Findings of two runs beside each other, those that moved most first.

    The interval of a difference is worked out from the two intervals (method of
    variance estimates recovery), which need not be symmetric. It holds for estimates
    that are independent of each other, as those of two years or of two utilities
    nearly are. Two runs on the same customers are not: their differences are due to
    the version or the parameters, and the interval is wider than it need be.

    Parameters
    ----------
    old, new : Findings
    minimum : int
        Where numbers of customers differ by less, neither they nor amounts of the same
        customers are told: the difference would be the few that came or left. 1 for data
        declared open.

    Returns
    -------
    DataFrame
        A row a finding: ``id``, ``label_en``, ``label_zh``; ``status`` (moved, same,
        withheld, hidden, unit_changed, only_old, only_new); ``old``, ``new``, ``difference`` with
        ``difference_low`` and ``difference_high`` (95 %), in the finding's own unit
        (shares 0..1); ``standard_errors``, the size of the move; ``overlap``, whether
        the intervals meet; ``beyond_chance``, whether zero lies outside the interval of
        the difference. The last three are missing without intervals.

    Notes
    -----
    Intervals that do not overlap differ beyond chance, but those that do may as well:
    ``beyond_chance`` is the one to go by. Of many findings, one in twenty passes it by
    chance alone.

    Examples
    --------
    >>> old = Findings([Finding("07.kept", 0.80, "%", "%", "Kept", "兑现率", low=0.78, high=0.82)])
    >>> new = Findings([Finding("07.kept", 0.84, "%", "%", "Kept", "兑现率", low=0.82, high=0.86)])
    >>> moved = compare_runs(old, new).round(3).to_dict("records")[0]
    >>> moved["difference"], moved["difference_low"], moved["standard_errors"], moved["beyond_chance"]
    (0.04, 0.012, 2.772, True)
    """
    ids = dict.fromkeys([*old, *new])
    few = find_few(old, new, minimum)
    frame = pd.DataFrame((_compare(old.get(id), new.get(id), id in few) for id in ids), columns=_COLUMNS)
    frame = frame.astype({"standard_errors": "float64", "overlap": "boolean", "beyond_chance": "boolean"})
    place = frame["status"].map(_PLACE)
    relative = (frame["difference"] / frame["old"].where(frame["old"] != 0)).abs()
    order = pd.DataFrame(
        {"place": place, "errors": -frame["standard_errors"], "relative": -relative, "id": frame["id"]}
    )
    return frame.loc[order.sort_values(["place", "errors", "relative", "id"], na_position="last").index].reset_index(
        drop=True
    )


#: Unit of what counts customers, and of what is added up over them.
_CUSTOMERS, _AMOUNTS = "户", ("kWh", "yuan")


def find_few(old: Findings, new: Findings, minimum: int = privacy.MIN_CUSTOMERS) -> set[str]:
    """Ids of findings whose difference would tell of fewer customers than may be told of.

    Examples
    --------
    >>> old, new = (Findings([Finding("01.customers", n, "", "户", "", ""), Finding("01.energy", e, "kWh", "千瓦时", "", "")])
    ...             for n, e in ((2000, 9e5), (1999, 8e5)))
    >>> sorted(find_few(old, new))
    ['01.customers', '01.energy']
    """
    both = [(old[id], new[id]) for id in old if id in new]
    counts = [(a, b) for a, b in both if a.unit_zh == b.unit_zh == _CUSTOMERS and a.low is None]
    close = [(a, b) for a, b in counts if 0 < abs(a.value - b.value) < minimum]
    ids, segments = {a.id for a, _ in close}, {a.segment for a, _ in close}
    return ids | {a.id for a, _ in both if a.unit_en in _AMOUNTS and a.segment in segments}


_PLACE = {"withheld": -1, "moved": 0, "unit_changed": 1, "hidden": 2, "only_old": 3, "only_new": 4, "same": 5}


def _compare(old: Finding | None, new: Finding | None, few: bool) -> tuple[object, ...]:
    shown = new or old
    assert shown is not None
    start = (shown.id, shown.en, shown.zh)
    if few:
        return (*start, "withheld", None, None, *[None] * 6)
    if old is None or new is None:
        status = "only_new" if old is None else "only_old"
        return (*start, status, old.value if old else None, new.value if new else None, *[None] * 6)
    if (old.unit_en, old.unit_zh) != (new.unit_en, new.unit_zh):
        return (*start, "unit_changed", old.value, new.value, *[None] * 6)
    difference = new.value - old.value
    if math.isnan(difference):
        return (*start, "hidden", old.value, new.value, *[None] * 6)
    status = "same" if _ends(old) == _ends(new) and difference == 0 else "moved"
    return (*start, status, old.value, new.value, difference, *_judge(old, new, difference))


def _ends(item: Finding) -> tuple[float, float] | None:
    return (item.estimate.low, item.estimate.high) if item.estimate else None


def _judge(old: Finding, new: Finding, difference: float) -> tuple[object, ...]:
    """Interval of a difference, its size in standard errors, overlap, beyond chance."""
    before, after = _ends(old), _ends(new)
    if before is None or after is None:
        return (None,) * 5
    down = math.hypot(new.value - after[0], before[1] - old.value)
    up = math.hypot(after[1] - new.value, old.value - before[0])
    towards_zero = down if difference > 0 else up
    errors = abs(difference) * _REACH / towards_zero if towards_zero else (math.inf if difference else 0.0)
    overlap = before[0] <= after[1] and after[0] <= before[1]
    return difference - down, difference + up, errors, overlap, abs(difference) > towards_zero


def count_moves(frame: pd.DataFrame) -> dict[str, int]:
    """How many findings were compared, with intervals, and how many moved beyond chance; how many are in one run only.

    Examples
    --------
    >>> one = Findings([Finding("01.n", 5, "", "", "Customers", "户数")])
    >>> count_moves(compare_runs(one, Findings()))
    {'compared': 0, 'judged': 0, 'beyond_chance': 0, 'withheld': 0, 'only_old': 1, 'only_new': 0}
    """
    return {
        "compared": int(frame["status"].isin(["moved", "same"]).sum()),
        "judged": int(frame["beyond_chance"].notna().sum()),
        "beyond_chance": int(frame["beyond_chance"].fillna(False).sum()),
        "withheld": int((frame["status"] == "withheld").sum()),
        "only_old": int((frame["status"] == "only_old").sum()),
        "only_new": int((frame["status"] == "only_new").sum()),
    }
