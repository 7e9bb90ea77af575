"""Advice on reactive power: size and payback of capacitors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from labkit.accounts.case import Case, Item, estimate_year, month_numbers
from labkit.estimates import Estimate
from labkit.tariffs import Name, capacitor_kvar, power_factor_adjustment, power_factor_of

_MONEY = "{:,.0f}".format


def advise_capacitor(case: Case) -> Iterator[Item]:
    """The size with the highest worth over its life, and one that is too large."""
    if case.rule.power_factor is None or case.kvarh is None or case.standard is None:
        return
    kwh, months = case.found.kwh[0].sum(axis=1), case.found.months
    month_of = month_numbers(case.load.index)
    hours = case.data.interval_min / 60
    kvar = np.abs(case.kvarh.to_numpy()) / hours
    pf = power_factor_of(kwh, np.bincount(month_of, kvar * hours, len(months)))
    sizes = _sizes(case, kwh, pf, month_of, hours)
    price = case.cost_yuan.sum() / max(kwh.sum(), 1.0)
    results = []
    for size in sizes:
        rest = np.bincount(month_of, np.maximum(kvar - size, 0.0) * hours, len(months))
        after = power_factor_of(kwh, rest)
        percent = power_factor_adjustment(pf, case.standard) - power_factor_adjustment(after, case.standard)
        switched = np.bincount(month_of, np.minimum(kvar, size) * hours, len(months))
        monthly = case.base_yuan * percent / 100 - switched * case.assume.capacitor_loss_kw_per_kvar * price
        results.append((size, monthly, after))
    years, rate = case.assume.capacitor_life_years, case.assume.discount_rate
    annuity = (1 - (1 + rate) ** -years) / rate if rate else years
    worth = [m.mean() * 12 * annuity - s * case.assume.capacitor_yuan_per_kvar for s, m, _ in results]
    if not results or max(worth) <= 0:
        yield _no_capacitor(case, pf)
        return
    size, monthly, after = results[int(np.argmax(worth))]
    saving, cost = estimate_year(monthly, case.seed), size * case.assume.capacitor_yuan_per_kvar
    yield Item(
        "capacitor",
        Name(f"Add {size:,.0f} kvar of capacitors", f"加装 {size:,.0f} 千乏电容补偿"),
        Name(
            f"Power factor from {pf.mean():.2f} to {after.mean():.2f} (standard {case.standard:.2f}); "
            f"about {_MONEY(cost)} yuan, switched automatically.",
            f"功率因数由 {pf.mean():.2f} 提高到 {after.mean():.2f}（考核标准 {case.standard:.2f}）；投资约 {_MONEY(cost)} 元，自动投切。",
        ),
        saving,
        cost,
        _payback(cost, saving),
    )
    double = [r for r in results if r[0] >= 1.5 * size]
    if double:
        more_size, more, _ = double[-1]
        lost = estimate_year(
            more - monthly - (more_size - size) * case.assume.capacitor_yuan_per_kvar / annuity / 12, case.seed
        )
        if lost.value < 0:
            yield Item(
                "capacitor",
                Name(f"Do not add {more_size:,.0f} kvar", f"电容补偿不要加到 {more_size:,.0f} 千乏"),
                Name(
                    f"The reward ends at its highest band: {_MONEY(-lost.value)} yuan a year less than with {size:,.0f} kvar.",
                    f"奖励到顶后不再增加：每年比 {size:,.0f} 千乏少得 {_MONEY(-lost.value)} 元。",
                ),
                lost,
                worth_it=False,
            )


def _sizes(case: Case, kwh: np.ndarray, pf: np.ndarray, month_of: np.ndarray, hours: float) -> np.ndarray:
    """Sizes worth trying: up to what full compensation at the highest load would take."""
    top = capacitor_kvar(float(case.load.max() / hours), max(float(pf.min()), 0.05), 0.99)
    step = case.assume.capacitor_step_kvar
    steps = np.unique(np.ceil(np.linspace(0, top, 41)[1:] / step)) * step
    return steps[steps > 0]


def _no_capacitor(case: Case, pf: np.ndarray) -> Item:
    """"""
    return Item(
        "capacitor",
        Name("Do not add capacitors", "不必加装电容补偿"),
        Name(
            f"Power factor {pf.mean():.2f} against the standard {case.standard:.2f}: no size earns what it costs.",
            f"功率因数 {pf.mean():.2f}，考核标准 {case.standard:.2f}：加装的收益抵不上投入。",
        ),
        worth_it=False,
    )


def _payback(cost: float, saving: Estimate) -> Estimate:
    """Years until the saving has paid the cost; the ends follow from those of the saving."""
    ends = [cost / end if end > 0 else np.inf for end in (saving.high, saving.value, saving.low)]
    return Estimate(ends[1], ends[0], ends[2], saving.n)
