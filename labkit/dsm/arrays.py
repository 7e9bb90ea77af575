"""Loads as arrays (customers, days, slots): checked, cut into blocks, mixed by who takes part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from labkit.dsm.errors import DsmError

_ROWS_AT_ONCE = 60_000


def as_load(load_kwh: np.ndarray) -> np.ndarray:
    """A load as (customers, days, slots) or (rows, slots), float32 or float64."""
    load = np.asarray(load_kwh)
    if load.dtype not in (np.float32, np.float64):
        load = load.astype(float)
    if load.ndim == 0 or not load.size:
        raise DsmError("load_kwh is empty; give an array (customers, days, slots)")
    return load[None] if load.ndim == 1 else load.reshape(-1, *load.shape[-2:]) if load.ndim > 3 else load


def check_fit(name: str, given: np.ndarray, load: np.ndarray) -> None:
    """Refuse an array that cannot be spread over the load."""
    try:
        np.broadcast_shapes(given.shape, load.shape)
        fits = given.ndim <= load.ndim
    except ValueError:
        fits = False
    if not fits:
        raise DsmError(
            f"{name} has the shape {given.shape}, which does not fit the load's {load.shape}: give one a slot"
        )


def check_share(name: str, share: np.ndarray | float) -> None:
    """Refuse shares outside 0 to 1."""
    values = np.asarray(share, dtype=float)
    if not ((values >= 0) & (values <= 1)).all():
        raise DsmError(f"{name} lies outside 0 to 1; give it as a share, 0.1 for 10 %")


def blocks(load: np.ndarray, *caps: Any) -> Iterator[tuple[slice, list[np.ndarray]]]:
    """Parts of the first axis that fit the processor's caches and memory, with their caps."""
    arrays = []
    for name, cap in zip(("down_cap", "up_cap"), caps):
        array = np.asarray(cap)
        check_fit("cap", array, load)
        if array.dtype != bool and not (array >= 0).all():
            raise DsmError(f"{name} is below 0 or missing; caps are 0 or more")
        arrays.append(np.broadcast_to(array, load.shape))
    step = max(1, _ROWS_AT_ONCE * load.shape[-1] // max(load[0].size, 1))
    for low in range(0, len(load), step):
        part = slice(low, low + step)
        if not np.isfinite(load[part]).all():
            raise DsmError("the load has gaps; fill them first")
        yield part, [array[part] for array in arrays]


def each_block(
    load_kwh: np.ndarray, change: Callable[..., np.ndarray], joined: Any, cap: Any, other: Any
) -> np.ndarray:
    """A shape that looks at nothing but its own day, block by block."""
    load = as_load(load_kwh)
    check_fit("share", np.asarray(other), load)
    more = np.broadcast_to(np.asarray(other), load.shape)
    out = np.empty(load.shape, load.dtype)
    for part, (most,) in blocks(load, cap):
        out[part] = change(load[part].astype(float), most, more[part])
    return mix_joined(load, out, joined).reshape(np.shape(load_kwh))


def mix_joined(load: np.ndarray, after: np.ndarray, joined: np.ndarray | float | None) -> np.ndarray:
    """The new load of those who take part; in place, `after` is ours."""
    if joined is None:
        return after
    share = np.asarray(joined, dtype=after.dtype)
    check_share("joined", share)
    if share.ndim == 1:
        if len(share) != len(load):
            raise DsmError(f"joined has {len(share)} values for {len(load)} customers; give one each")
        share = share.reshape(-1, *(1,) * (load.ndim - 1))
    after -= load
    after *= share
    after += load
    return after
