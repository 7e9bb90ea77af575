"""Tables of the sample that belong to no customer: market, costs, sites, weather."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.sample.service import centre_ids
from labkit.sample.world import FIRST, READINGS_FROM, World

_SEGMENTS = (
    ("industrial_large", 520, 0.041, 0.062, 0.11, 7.2, 7.8, 6.1),
    ("industrial_small", 140, 0.018, 0.081, 0.05, 6.8, 5.2, 5.0),
    ("commercial", 180, 0.056, 0.094, 0.06, 6.5, 6.0, 5.5),
    ("public", 60, 0.022, 0.070, 0.01, 8.1, 4.0, 3.8),
    ("residential", 230, 0.034, 0.025, 0.004, 7.6, 2.0, 1.5),
    ("agricultural", 25, 0.010, 0.012, 0.002, 7.0, 1.5, 1.2),
    ("charging_stations", 45, 0.310, 0.105, 0.14, 5.4, 7.1, 6.8),
)
_TAG_WORDS = {
    "residential": ("居民", "居民用户", "家庭"),
    "commercial": ("商业", "商户", "commercial"),
    "industrial": ("工业", "工厂", "大工业"),
    "agricultural": ("农业", "农户"),
    "public": ("公共", "机关事业"),
    "prompt": ("按时缴费", "信用好"),
    "forgetful": ("常忘缴费", "偶尔逾期"),
    "difficulty": ("缴费困难", "部分缴费"),
    "unwilling": ("恶意欠费", "催费困难户"),
    "disputing": ("电费有争议",),
    "key": ("大客户", "VIP", "重点客户"),
}


def make_market() -> pd.DataFrame:
    """Market segments (invented)."""
    names = [
        "segment",
        "size_gwh",
        "growth_share",
        "margin_share",
        "switching_share",
        "own_score",
        "rival_a_score",
        "rival_b_score",
    ]
    return pd.DataFrame(_SEGMENTS, columns=names)


def make_avoided_costs(world: World) -> pd.DataFrame:
    """Hourly avoided costs of the year of the readings: dear in hot afternoons and winter evenings."""
    rng = world.rng(4)
    first = int((np.datetime64(READINGS_FROM) - np.datetime64(FIRST)).astype(int))
    temperature = world.temperature.mean(axis=0)[first:].reshape(-1)
    hour = np.tile(np.arange(24), len(temperature) // 24)
    stress = np.maximum(temperature - 26, 0) / 10 + np.maximum(5 - temperature, 0) / 12
    evening = np.exp(-0.5 * ((hour - 19) / 2.5) ** 2) + 0.7 * np.exp(-0.5 * ((hour - 14.5) / 2.5) ** 2)
    energy = 0.22 + 0.10 * evening + 0.12 * stress * evening + rng.normal(0, 0.01, len(hour))
    peak = np.where(stress * evening >= np.quantile(stress * evening, 0.99), 1.0, 0.0)
    return pd.DataFrame(
        {
            "ts": world.times((np.arange(len(hour)) + first * 24) * 60),
            "energy_yuan_per_kwh": energy.round(4),
            "capacity_yuan_per_kw": (peak * 380 / peak.sum()).round(4),
            "network_yuan_per_kw": (peak * 160 / peak.sum()).round(4),
            "tonnes_co2_per_kwh": (0.00048 + 0.00015 * evening).round(6),
        }
    )


def make_sites(world: World) -> pd.DataFrame:
    """A repair post for two areas, a service centre for four."""
    posts, areas = centre_ids(world), world.areas
    at = np.arange(len(posts)) * 2
    centre = np.arange(0, len(areas), 4)
    return pd.DataFrame(
        {
            "site_id": [*posts, *(f"H{i + 1:03d}" for i in range(len(centre)))],
            "kind": ["repair_post"] * len(posts) + ["service_centre"] * len(centre),
            "longitude": np.append(areas["longitude"].to_numpy()[at], areas["longitude"].to_numpy()[centre]).round(5),
            "latitude": np.append(areas["latitude"].to_numpy()[at], areas["latitude"].to_numpy()[centre]).round(5),
            "capacity": [4.0] * len(posts) + [6.0] * len(centre),
        }
    )


def make_outages(world: World) -> pd.DataFrame:
    """The table `outages`."""
    raw = world.outages
    start_day = raw["start_min"].to_numpy() // 1440
    announced = np.where(raw["planned"], start_day - raw["announced_days"], -1_000_000)
    return pd.DataFrame(
        {
            "outage_id": [f"O{i + 1:05d}" for i in range(len(raw))],
            "area_id": world.areas["area_id"].to_numpy()[raw["area"]],
            "started_at": world.times(raw["start_min"].to_numpy()),
            "restored_at": world.times((raw["start_min"] + raw["minutes"]).to_numpy()),
            "planned": raw["planned"],
            "announced_on": world.dates(announced),
        }
    )


def make_weather(world: World) -> pd.DataFrame:
    """The table `weather`, hour by hour for every area."""
    areas, days, _ = world.temperature.shape
    return pd.DataFrame(
        {
            "area_id": np.repeat(world.areas["area_id"].to_numpy(), days * 24),
            "ts": np.tile(world.times(np.arange(days * 24) * 60), areas),
            "temperature_c": world.temperature.reshape(-1).astype(float).round(1),
        }
    )


def make_taggings(customers: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """What account managers write on customers: free words, several for the same thing."""
    rows, words = [], []
    for row, (kind, payer, key) in enumerate(
        zip(customers["customer_class"], customers["_payer"], customers["_key"], strict=True)
    ):
        for name, chance in ((kind, 0.5), (payer, 0.35), ("key", 0.9 if key else 0.0)):
            if rng.random() < chance:
                rows.append(row)
                words.append(_TAG_WORDS[name][int(rng.integers(0, len(_TAG_WORDS[name])))])
    frame = pd.DataFrame({"_row": rows, "tag": words})
    day = rng.integers(0, 700, len(frame))
    frame["_day"] = day
    frame["customer_id"] = customers["customer_id"].to_numpy()[frame["_row"]]
    order = frame.groupby("_row").cumcount() + 1
    frame["tagging_id"] = "G" + frame["customer_id"].str[1:] + "-" + order.astype(str)
    frame["tagger"] = [f"M{i:02d}" for i in rng.integers(1, 25, len(frame))]
    frame["tagged_at"] = np.datetime64(FIRST, "D") + day.astype("timedelta64[D]")
    return frame
