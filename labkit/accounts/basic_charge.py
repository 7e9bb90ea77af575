"""Advice on the tariff, the kind of basic charge and the contract demand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from labkit.accounts.case import Case, Item, estimate_year
from labkit.tariffs import Account, Name, best_contract, charge
from labkit.tariffs.rule import ContractCharge

_MONEY = "{:,.0f}".format


def advise_tariff(case: Case) -> Iterator[Item]:
    """Change of tariff or basic charge, and the one to keep off."""
    best = case.choice.table.set_index("tariff_id").loc[case.choice.best]
    today = case.choice.by_month[case.rule.id].to_numpy()
    if isinstance(case.rule.basic, ContractCharge):
        today = case.cost_yuan  # with the contract it has, not the best one
    if case.choice.best != case.rule.id:
        saving = estimate_year(today - case.choice.by_month[case.choice.best].to_numpy(), case.seed)
        sure = f"{best['cheapest_share']:.0%}"
        day = case.choice.change_on[0]
        contract = "" if np.isnan(best["contract_kw"]) else f"{best['contract_kw']:,.0f} kW"
        yield Item(
            "tariff",
            Name(f"Change to {best['name_en']}", f"改为{best['name_zh']}"),
            Name(
                f"Cheapest in {sure} of the drawn years; possible from {day}."
                + (f" Contract demand {contract}." if contract else ""),
                f"在 {sure} 的模拟年份中最省；最早可自 {day} 起变更。"
                + (f"合同最大需量 {contract}。" if contract else ""),
            ),
            saving,
            worth_it=saving.value > 0,
        )
    worse = case.choice.table[case.choice.table["allowed"] & (case.choice.table["tariff_id"] != case.choice.best)]
    worse = worse[worse["tariff_id"] != case.rule.id].nlargest(1, "year_yuan")
    for row in worse.itertuples():
        more = estimate_year(today - case.choice.by_month[row.tariff_id].to_numpy(), case.seed)
        if more.value < 0:
            yield Item(
                "tariff",
                Name(f"Do not take {row.name_en}", f"不要改为{row.name_zh}"),
                Name(
                    f"{_MONEY(-more.value)} yuan a year dearer than today.",
                    f"每年比现在多付 {_MONEY(-more.value)} 元。",
                ),
                more,
                worth_it=False,
            )


def advise_contract(case: Case) -> Iterator[Item]:
    """The contract demand that costs least, and one that is too low."""
    basic = case.rule.basic
    if not isinstance(basic, ContractCharge) or case.contract_kw is None:
        return
    best = best_contract(case.rule, case.found, case.capacity_kva)
    other = Account(case.account.capacity_kva, np.array([best]), case.account.pf_standard)
    after = sum(line.amount[0] for line in charge(case.rule, case.found, other))
    saving = estimate_year(case.cost_yuan - after, case.seed)
    peaks = case.found.max_kw[0]
    if abs(best - case.contract_kw) >= 1 and saving.value > 0:
        over = int((peaks > case.contract_kw * basic.tolerance).sum())
        yield Item(
            "contract",
            Name(f"Set the contract demand to {best:,.0f} kW", f"合同最大需量调整为 {best:,.0f} kW"),
            Name(
                f"Now {case.contract_kw:,.0f} kW; measured {peaks.min():,.0f} to {peaks.max():,.0f} kW, above "
                f"{basic.tolerance:.0%} of it in {over} of {len(peaks)} months. It may be set anew each month.",
                f"现为 {case.contract_kw:,.0f} kW；各月实际最大需量 {peaks.min():,.0f} 至 {peaks.max():,.0f} kW，"
                f"{len(peaks)} 个月中有 {over} 个月超过其 {basic.tolerance:.0%}。可按月调整。",
            ),
            saving,
        )
    low = 0.8 * best
    floor = basic.floor_share * (case.capacity_kva or 0.0)
    if low > floor:
        worse = sum(
            line.amount[0]
            for line in charge(
                case.rule, case.found, Account(case.account.capacity_kva, np.array([low]), case.account.pf_standard)
            )
        )
        more = estimate_year(after - worse, case.seed)
        yield Item(
            "contract",
            Name(f"Do not go down to {low:,.0f} kW", f"合同最大需量不要压到 {low:,.0f} kW"),
            Name(
                f"The doubled excess would cost {_MONEY(-more.value)} yuan a year more than {best:,.0f} kW.",
                f"超出部分加倍计收，每年比 {best:,.0f} kW 多付 {_MONEY(-more.value)} 元。",
            ),
            more,
            worth_it=False,
        )
