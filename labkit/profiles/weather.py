"""How load answers to heat and cold, month by month."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from labkit.engine import divide, to_whole
from labkit.lab import Lab
from labkit.profiles.months import LEAST_DAYS, LEAST_MONTHS

#: Air temperature above which one cools and below which one heats [°C]; the degree days of GB 50176-2016.
COOLING_ABOVE_C, HEATING_BELOW_C = 26, 18


def degree_months(lab: Lab) -> ir.Table:
    """Mean degrees above and below the bounds, hour by hour, of each area and month.

    Returns
    -------
    Table
        ``area_id``, ``month``, ``cooling`` and ``heating`` [0.01 °C], whole numbers.
    """
    weather = lab.weather.filter(lab.weather.temperature_c.notnull())
    tenths = to_whole(weather.temperature_c, 1)
    rows = weather.select(
        "area_id",
        month=weather.ts.strftime("%Y-%m"),
        hot=ibis.greatest(tenths - COOLING_ABOVE_C * 10, 0),
        cold=ibis.greatest(HEATING_BELOW_C * 10 - tenths, 0),
    )
    total = rows.group_by(["area_id", "month"]).aggregate(
        n=rows.count(), hot=rows.hot.sum().cast("int64"), cold=rows.cold.sum().cast("int64")
    )
    return total.select(
        "area_id",
        "month",
        cooling=divide(total.hot * 10, total.n).round().cast("int64"),
        heating=divide(total.cold * 10, total.n).round().cast("int64"),
    )


def weather_response(sums: ir.Table, customers: ir.Table, degrees: ir.Table) -> ir.Table:
    """Rise of load per degree of heat and of cold, by least squares on the months of each customer.

    Parameters
    ----------
    sums : Table
        Of `labkit.profiles.monthly_sums`.
    customers : Table
        ``customer_id``, ``area_id``.
    degrees : Table
        Of `degree_months`.

    Returns
    -------
    Table
        ``customer_id``; ``cooling_share_per_c``, ``heating_share_per_c``: change of the monthly mean load, over the customer's
        mean, per °C that the month's hours were above 26 or below 18 on average; ``weather_fit_share``: share of the variance
        of the months explained. Customers with `LEAST_MONTHS` months or more (of `LEAST_DAYS` days of readings each), where both kinds of degrees vary.

    Notes
    -----
    Load and degrees are whole numbers (0.0001 of the mean, 0.01 °C), so that engines agree. What else changes
    with the seasons, such as dark evenings or holidays, is in it: a response to weather that days would show better.
    """
    area = customers.select("customer_id", "area_id")
    months = sums.group_by(["customer_id", "month"]).aggregate(
        wh=sums.wh.sum().cast("int64"), minutes=sums.minutes.sum().cast("int64")
    )
    months = (
        months.filter(months.minutes >= LEAST_DAYS * 1440)
        .inner_join(area, "customer_id")
        .inner_join(degrees, ["area_id", "month"])
    )
    whole = ibis.window(group_by="customer_id")
    share = months.mutate(
        all_wh=months.wh.sum().over(whole).cast("int64"), all_min=months.minutes.sum().over(whole).cast("int64")
    )
    share = share.filter(share.all_wh > 0)
    level = divide(share.wh, share.minutes) * divide(share.all_min, share.all_wh)
    rows = share.select("customer_id", c="cooling", h="heating", y=(level * 10_000).round().cast("int64"))
    pairs = {f"{a}{b}": (rows[a] * rows[b]).sum().cast("int64") for a, b in ("cc", "hh", "ch", "cy", "hy", "yy")}
    fit = rows.group_by("customer_id").aggregate(
        n=rows.count(), **{name: rows[name].sum().cast("int64") for name in "chy"}, **pairs
    )
    return _solve(fit.filter(fit.n >= LEAST_MONTHS))


def _solve(fit: ir.Table) -> ir.Table:
    """Two slopes from centred sums; n times each is a whole number."""
    names = ("cc", "hh", "ch", "cy", "hy", "yy")
    s = {name: (fit.n * fit[name] - fit[name[0]] * fit[name[1]]).cast("float64") for name in names}
    determinant = s["cc"] * s["hh"] - s["ch"] * s["ch"]
    # Where heat and cold hardly vary, or only together, their parts cannot be told apart.
    told = (determinant > s["cc"] * s["hh"] * ibis.literal(0.01, "float64")).ifelse(determinant, ibis.null("float64"))
    cooling = (s["cy"] * s["hh"] - s["hy"] * s["ch"]) / told
    heating = (s["hy"] * s["cc"] - s["cy"] * s["ch"]) / told
    explained = (cooling * s["cy"] + heating * s["hy"]) / s["yy"].nullif(0)
    # From 0.0001 of the mean a 0.01 °C to shares a °C.
    return fit.select(
        "customer_id",
        cooling_share_per_c=divide(cooling, 100),
        heating_share_per_c=divide(heating, 100),
        weather_fit_share=explained,
    )
