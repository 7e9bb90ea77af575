"""Basic and demand charges: capacity, contract, measured demand, ratchet, high use."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from labkit.tariffs.determinants import Determinants, billed_demand
from labkit.tariffs.lines import (
    Account,
    Line,
    always,
    join_names,
    make_line,
    name_item,
    period_name,
    tell_number,
    tell_tier,
    tiers_by_month,
    within_tier,
)
from labkit.tariffs.rule import CapacityCharge, ContractCharge, DemandCharge, HighUse, Name, TariffError, TariffRule


def _given(values: np.ndarray | None, shape: tuple[int, ...], what: str, rule: TariffRule) -> np.ndarray:
    if values is None or not np.isfinite(values).all() or (np.asarray(values) <= 0).any():
        raise TariffError(f"{rule.id}: the basic charge needs {what} above 0; give it")
    return np.broadcast_to(np.asarray(values, dtype=float).reshape(-1, 1), shape)


def charge_basic(rule: TariffRule, found: Determinants, account: Account) -> Iterator[Line]:
    """Lines of a basic charge by capacity or contract."""
    shape = found.max_kw.shape
    if isinstance(rule.basic, CapacityCharge):
        capacity = _given(account.capacity_kva, shape, "capacity_kva", rule)
        name = Name("Basic charge by capacity", "基本电费（按变压器容量）")
        why = always("transformer capacity", "按变压器容量计收")
        yield make_line("basic", name, "kVA", capacity, np.array(rule.basic.yuan_per_kva), why)
    elif isinstance(rule.basic, ContractCharge):
        yield from _contract(rule, rule.basic, found, account)


def _contract(rule: TariffRule, basic: ContractCharge, found: Determinants, account: Account) -> Iterator[Line]:
    shape = found.max_kw.shape
    agreed = _given(account.contract_kw, shape, "contract_kw", rule)
    floor = np.zeros(shape)
    if basic.floor_share and account.capacity_kva is not None:
        floor = np.nan_to_num(np.broadcast_to(account.capacity_kva.reshape(-1, 1), shape)) * basic.floor_share
    contract = np.maximum(agreed, floor)
    measured = _with_peak_so_far(found.max_kw, account)
    limit = (contract * basic.tolerance).round(9)
    excess = np.clip(measured - limit, 0, None).round(9)
    discount, why_discount = _discount(basic.high_use, found, account)

    def why(i: int, j: int) -> Name:
        if floor[i, j] > agreed[i, j]:
            share = f"{basic.floor_share:.0%}"
            return join_names(
                Name(f"floor: {share} of capacity", f"低于容量的 {share}，按下限计收"), why_discount(i, j)
            )
        return join_names(Name("contract demand", "合同最大需量"), why_discount(i, j))

    def why_excess(i: int, j: int) -> Name:
        tolerance, multiple = f"{basic.tolerance:.0%}", f"{basic.excess_multiple:g}"
        measured_kw = tell_number(round(measured[i, j], 3))
        return join_names(
            Name(
                f"maximum demand {measured_kw} kW is above {tolerance} of the contract; the excess costs {multiple} times",
                f"实际最大需量 {measured_kw} kW 超过合同值的 {tolerance}，超出部分按 {multiple} 倍计收",
            ),
            why_discount(i, j),
        )

    price = basic.yuan_per_kw * discount
    yield make_line(
        "basic", Name("Basic charge by contract demand", "基本电费（按合同最大需量）"), "kW", contract, price, why
    )
    if excess.any():
        item = Name("Excess over contract demand", "超合同最大需量")
        yield make_line("basic", item, "kW", excess, price * basic.excess_multiple, why_excess)


def _with_peak_so_far(peak: np.ndarray, account: Account) -> np.ndarray:
    """The peak already incurred in the first month counts."""
    if account.peak_so_far_kw is None:
        return peak
    raised = peak.copy()
    raised[:, 0] = np.maximum(raised[:, 0], np.nan_to_num(account.peak_so_far_kw))
    return raised


def _discount(
    high: HighUse | None, found: Determinants, account: Account
) -> tuple[np.ndarray, Callable[[int, int], Name]]:
    """Multiple of the demand price by customer and month: 0.9 from 260 kWh a kVA on."""
    if high is None or account.capacity_kva is None:
        return np.ones(found.max_kw.shape), always("", "")
    capacity = account.capacity_kva.reshape(-1, 1)
    use = np.divide(found.kwh.sum(axis=2), capacity, out=np.zeros(found.max_kw.shape), where=capacity > 0)
    met = use.round(6) >= high.kwh_per_kva

    def why(i: int, j: int) -> Name:
        if not met[i, j]:
            return Name("", "")
        return Name(
            f"{use[i, j]:.1f} kWh per kVA, from {high.kwh_per_kva:g} on the price is times {high.multiple:g}",
            f"每千伏安用电 {use[i, j]:.1f} 千瓦时，达到 {high.kwh_per_kva:g}，需量电价按 {high.multiple:.0%} 执行",
        )

    return np.where(met, high.multiple, 1.0), why


def charge_demand(charge: DemandCharge, peak: np.ndarray, found: Determinants, account: Account) -> Iterator[Line]:
    """Lines of a charge on measured demand, by period and tier."""
    measured = peak
    if account.peak_so_far_kw is not None and len(charge.periods.names) == 1:
        measured = _with_peak_so_far(peak[..., 0], account)[..., None]
    billed = billed_demand(charge, measured, found.month_numbers)
    discount, why_discount = _discount(charge.high_use, found, account)
    for p, name in enumerate(charge.periods.names):
        for low, high, price in tiers_by_month(charge.prices, p, found.month_numbers):
            quantity = within_tier(billed[:, :, p], low, high).round(9)
            if not (price * quantity).any():
                continue
            what = period_name(name)
            tier = tell_tier(what, low, high, charge.unit)

            def why(i: int, j: int, p: int = p, tier: Callable[[int, int], Name] = tier) -> Name:
                if billed[i, j, p] > measured[i, j, p]:
                    own = tell_number(round(measured[i, j, p], 3))
                    base = Name(
                        f"ratchet; measured {own} {charge.unit}",
                        f"按历史最大需量比例计收；当月实测 {own} {charge.unit}",
                    )
                else:
                    base = Name("maximum demand", "实际最大需量")
                return join_names(join_names(base, tier(i, j)), why_discount(i, j))

            yield make_line(charge.kind, name_item(charge.name, what), charge.unit, quantity, price * discount, why)
