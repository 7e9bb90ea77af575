"""The drawings of an account sheet, and the figures behind them."""

from __future__ import annotations

from html import escape

import pandas as pd
from matplotlib.axes import Axes

from labkit import figures, terms
from labkit.accounts.study import AccountStudy
from labkit.terms import Language


def plot_typical_days(typical: pd.DataFrame, language: Language, ax: Axes | None = None) -> Axes:
    """Mean load by hour, a line a day type."""
    with figures.style():
        ax = ax or figures.new_axes(4.2, 2.25)
    lines = {
        terms.category("day_type", kind, language): part.set_index("hour")["mean_kw"]
        for kind, part in typical.groupby("day_type", sort=False)
    }
    order = [terms.category("day_type", kind, language) for kind in ("workday", "weekend", "holiday")]
    hour = "时刻" if language == "zh" else "hour of the day"
    return figures.plot_day_profiles({k: lines[k] for k in order if k in lines}, unit="kW", hour_label=hour, ax=ax)


def plot_duration(duration: pd.DataFrame, language: Language, ax: Axes | None = None) -> Axes:
    """Load duration curve: how much of the time the load is above so many kW."""
    with figures.style():
        ax = ax or figures.new_axes(3.6, 2.25)
        ax.plot(duration["time_share"] * 100, duration["kw"], color=figures.ACCENT, linewidth=2)
        ax.fill_between(duration["time_share"] * 100, duration["kw"], color=figures.ACCENT, alpha=0.12, linewidth=0)
        ax.set_xlim(0, 100)
        ax.set_ylim(bottom=0)
        ax.set_xlabel("时间占比 (%)" if language == "zh" else "share of time (%)", loc="right")
        ax.set_title("kW", fontsize=10, color=figures.SOFT)
        ax.grid(axis="y")
        ax.set_axisbelow(True)
    return ax


def draw_sheet(study: AccountStudy, language: Language) -> list[tuple[str, str, str]]:
    """Title, SVG and caption of each drawing."""
    load, zh = study.load, language == "zh"
    peak = load.typical.loc[load.typical["mean_kw"].idxmax()]
    kind = terms.category("day_type", peak["day_type"], language)
    half = float(load.duration.loc[load.duration["time_share"] == 0.5, "kw"].iloc[0])
    share = f"{half / load.maximum_demand_kw:.0%}" if load.maximum_demand_kw > 0 else "–"
    if zh:
        titles = (f"{kind} {peak['hour']:g} 时负荷最高", f"一半时间负荷低于最大需量的 {share}")
        captions = ("各类日平均负荷曲线。", "负荷持续曲线。")
        alts = (
            f"各类日的平均负荷曲线；{kind} {peak['hour']:g} 时最高，{peak['mean_kw']:,.0f} kW。",
            f"负荷持续曲线，由 {load.maximum_demand_kw:,.0f} kW 降至 {load.duration['kw'].iloc[-1]:,.0f} kW，中位 {half:,.0f} kW。",
        )
    else:
        titles = (
            f"Highest at {peak['hour']:g}:00 on a {kind.lower()}",
            f"Half of the time below {share} of the maximum",
        )
        captions = ("Mean load by type of day.", "Load duration curve.")
        alts = (
            f"Mean load by hour and type of day; highest at {peak['hour']:g}:00 on a {kind.lower()}, {peak['mean_kw']:,.0f} kW.",
            f"Load duration curve from {load.maximum_demand_kw:,.0f} kW down to {load.duration['kw'].iloc[-1]:,.0f} kW, median {half:,.0f} kW.",
        )
    axes = plot_typical_days(load.typical, language), plot_duration(load.duration, language)
    return [
        (title, figures.to_page_svg(ax, alt, f"f{i}"), caption)
        for i, (title, ax, alt, caption) in enumerate(zip(titles, axes, alts, captions, strict=True))
    ]


def hours_table(study: AccountStudy, language: Language, hour: str) -> str:
    """What is drawn, as a table (safe HTML); ``hour`` is the title of the hours."""
    wide = study.load.typical.pivot_table(index="hour", columns="day_type", values="mean_kw")
    kinds = [kind for kind in ("workday", "weekend", "holiday") if kind in wide]
    duration = study.load.duration.set_index("time_share")["kw"]
    heads = [f"{terms.category('day_type', kind, language)} (kW)" for kind in kinds]
    top = "".join(f'<th scope="col" class="r">{escape(h)}</th>' for h in heads)
    rows = "".join(
        f'<tr><th scope="row">{hour:g}:00</th>'
        + "".join(f'<td class="r">{wide.loc[hour, k]:,.0f}</td>' for k in kinds)
        + "</tr>"
        for hour in wide.index
    )
    shares = ", ".join(f"{s:.0%}: {duration.iloc[round(s * 100)]:,.0f} kW" for s in (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1))
    last = "负荷持续曲线" if language == "zh" else "Load duration curve"
    return (
        f'<table><thead><tr><th scope="col">{hour}</th>{top}</tr></thead><tbody>{rows}</tbody></table>'
        f"<p>{last}: {shares}</p>"
    )
