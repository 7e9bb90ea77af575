"""The customers of the sample, with what only the truth knows of them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from labkit.sample import behaviours
from labkit.sample.world import FIRST, World

_CLASSES = ("residential", "commercial", "industrial", "agricultural", "public")
_CLASS_SHARES = (0.770, 0.130, 0.050, 0.030, 0.020)
_KEY_CLASS_SHARES = (0.0, 0.18, 0.72, 0.0, 0.10)
#: Three key accounts in every hundred customers.
KEY_SHARE = 0.03
PAYERS = ("prompt", "forgetful", "difficulty", "unwilling", "disputing")
_PAYER_SHARES = {
    "residential": (0.815, 0.11, 0.045, 0.015, 0.015),
    "other": (0.845, 0.06, 0.05, 0.03, 0.015),
}
_INDUSTRIES = {
    "commercial": ("F52", "H61", "H62", "K70", "O80"),
    "industrial": ("C13", "C17", "C26", "C30", "C31", "C33", "C35", "C38"),
    "agricultural": ("A01", "A03"),
    "public": ("P83", "Q84", "S92", "N78"),
}
#: Mean load [kW]: median and spread (lognormal sigma).
_MEAN_KW = {
    "residential": (0.32, 0.45),
    "commercial": (6.0, 0.7),
    "industrial": (35.0, 0.8),
    "agricultural": (4.0, 0.7),
    "public": (14.0, 0.6),
}
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国文"
_PLACES = "东湖西山南岭北河长江春华金星天宇中兴新安永丰瑞和"
_TRADES = {
    "commercial": ("商贸有限公司", "餐饮管理有限公司", "酒店有限公司", "物业服务有限公司"),
    "industrial": ("机械制造有限公司", "化工有限公司", "纺织有限公司", "金属制品有限公司", "电子科技有限公司"),
    "agricultural": ("农业专业合作社", "家庭农场"),
    "public": ("中心学校", "人民医院", "路灯管理所"),
}


def is_key_account(numbers: np.ndarray) -> np.ndarray:
    """Which customer numbers are key accounts: evenly spread, three in a hundred."""
    return np.floor(KEY_SHARE * (numbers + 1)) > np.floor(KEY_SHARE * numbers)


def make_customers(world: World, numbers: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Customers with given numbers.

    Returns
    -------
    DataFrame
        The columns of the table `customers`, and with a leading underscore what
        belongs to the truth or only to the generator.
    """
    n = len(numbers)
    key = is_key_account(numbers)
    classes = np.where(key, rng.choice(_CLASSES, n, p=_KEY_CLASS_SHARES), rng.choice(_CLASSES, n, p=_CLASS_SHARES))
    behaviour, mean_kw, payer, industry, trade = _by_class(classes, key, rng)
    area = _areas(world, classes, key, rng)
    areas = world.areas.iloc[area].reset_index(drop=True)
    # A transformer is sized for a peak of some times the mean load.
    capacity = np.maximum(_standard_size(mean_kw * rng.uniform(4.0, 6.5, n)), np.where(classes == "residential", 8, 15))
    large = capacity >= 315
    voltage = np.select([capacity >= 20_000, large, classes != "residential"], [110.0, 10.0, 0.38], 0.22)
    connected = _connected(numbers, key, rng)
    contract = np.where(large, rng.integers(60, 1400, n), -1_000_000)
    return pd.DataFrame(
        {
            "customer_id": [f"C{number + 1:07d}" for number in numbers],
            "name": _names(classes, trade, rng),
            "customer_class": classes,
            "industry_code": industry,
            "voltage_kv": voltage,
            "capacity_kva": capacity,
            "tariff_id": _tariffs(classes, capacity, rng),
            "pf_standard": _pf_standard(classes, capacity),
            "area_id": areas["area_id"],
            "settlement": areas["settlement"],
            "longitude": (areas["longitude"] + rng.normal(0, 0.02, n)).round(5),
            "latitude": (areas["latitude"] + rng.normal(0, 0.02, n)).round(5),
            # No Chinese mobile number begins with 12: nobody's phone is in the sample.
            "phone": [f"12{digits:09d}" for digits in rng.integers(0, 10**9, n)],
            "connected_on": connected,
            "contract_end_on": world.dates(contract),
            "prepaid": (classes == "residential") & (rng.random(n) < 0.12),
            "important": np.isin(behaviour, ("hospital",)) | (key & (rng.random(n) < 0.1)),
            "_key": key,
            "_behaviour": behaviour,
            "_mean_kw": mean_kw,
            "_area": area,
            "_payer": payer,
            "_base_satisfaction": rng.normal(0, 0.6, n),
            "_price_sensitivity": rng.lognormal(0, 0.4, n),
            "_trend_per_year": rng.normal(0.02, 0.06, n) - 0.15 * (payer == "difficulty"),
            "_pf": np.clip(rng.normal(0.90, 0.05, n), 0.6, 0.99),
        }
    )


def _by_class(classes: np.ndarray, key: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    n = len(classes)
    behaviour, payer = np.empty(n, dtype="<U16"), np.empty(n, dtype="<U12")
    industry, trade = np.full(n, None, dtype=object), np.full(n, "", dtype="<U12")
    mean_kw = np.empty(n)
    for name in _CLASSES:
        who = classes == name
        count = int(who.sum())
        kinds = behaviours.of_class(name)
        behaviour[who] = rng.choice([kind.name for kind in kinds], count, p=[kind.share for kind in kinds])
        payer[who] = rng.choice(PAYERS, count, p=_PAYER_SHARES.get(name, _PAYER_SHARES["other"]))
        median, spread = _MEAN_KW[name]
        mean_kw[who] = median * rng.lognormal(0, spread, count)
        if name in _INDUSTRIES:
            industry[who] = rng.choice(_INDUSTRIES[name], count)
            trade[who] = rng.choice(_TRADES[name], count)
    # Key accounts are what they are through size.
    mean_kw[key] = 450 * rng.lognormal(0, 1.0, int(key.sum()))
    return behaviour, mean_kw, payer, industry, trade


def _areas(world: World, classes: np.ndarray, key: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    settlement = world.areas["settlement"].to_numpy()
    weight = np.select([settlement == "urban", settlement == "rural"], [1.3, 0.7], 0.4)
    area = rng.choice(len(settlement), len(classes), p=weight / weight.sum())
    country = np.flatnonzero(settlement != "urban")
    farm = classes == "agricultural"
    area[farm] = rng.choice(country, int(farm.sum()))
    town = np.flatnonzero(settlement != "remote")
    area[key] = rng.choice(town, int(key.sum()))
    return area


def _standard_size(kva: np.ndarray) -> np.ndarray:
    sizes = np.array([8, 15, 30, 50, 80, 100, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500])
    fits = sizes[np.minimum(np.searchsorted(sizes, kva), len(sizes) - 1)].astype(float)
    return np.where(kva > sizes[-1], np.ceil(kva / 1250) * 1250, fits)


def _tariffs(classes: np.ndarray, capacity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    modes = np.array(["TWO_PART_CAPACITY", "TWO_PART_DEMAND", "TWO_PART_CONTRACT"])
    two_part = modes[np.searchsorted([0.4, 0.7], rng.random(len(classes)))]
    simple = np.array(
        [{"residential": "RES_STEP", "agricultural": "AGRICULTURE"}.get(c, "SINGLE_PART_TOU") for c in classes]
    )
    return np.where((capacity >= 315) & np.isin(classes, ("commercial", "industrial")), two_part, simple)


def _pf_standard(classes: np.ndarray, capacity: np.ndarray) -> np.ndarray:
    """Standard by the rule of 1983: 0.90 for large industry, 0.85 from 100 kVA, 0.80 farms."""
    return np.select(
        [
            (classes == "industrial") & (capacity > 160),
            (classes == "agricultural") & (capacity >= 100),
            (classes != "residential") & (classes != "agricultural") & (capacity >= 100),
        ],
        [0.90, 0.80, 0.85],
        np.nan,
    )


def _connected(numbers: np.ndarray, key: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Most long before the data begin, some within: seen late, as in any utility."""
    long_before = -rng.gamma(2.0, 1500, len(numbers)).astype(int) - 1
    within = rng.integers(0, 640, len(numbers))
    days = np.where((rng.random(len(numbers)) < 0.04) & ~key, within, np.maximum(long_before, -14_000))
    return np.datetime64(FIRST, "D") + days.astype("timedelta64[D]")


def _names(classes: np.ndarray, trade: np.ndarray, rng: np.random.Generator) -> list[str]:
    picks = rng.integers(0, 10_000, (len(classes), 3))
    return [
        _SURNAMES[a % len(_SURNAMES)] + _GIVEN[b % len(_GIVEN)] + (_GIVEN[c % len(_GIVEN)] if c % 4 else "")
        if kind == "residential"
        else _PLACES[a % len(_PLACES)] + _PLACES[b % len(_PLACES)] + firm
        for kind, firm, (a, b, c) in zip(classes, trade, picks, strict=True)
    ]


def day_index(dates: pd.Series) -> np.ndarray:
    """Days since the first day of the sample; far in the future where missing."""
    days = (pd.to_datetime(dates) - pd.Timestamp(dt.datetime.combine(FIRST, dt.time()))).dt.days
    return days.fillna(10**6).to_numpy().astype(int)
