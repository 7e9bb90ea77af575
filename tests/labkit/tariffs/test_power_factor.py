"""The power-factor table of 1983, every band edge of the three standards."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.tariffs import capacitor_kvar, power_factor_adjustment, power_factor_of

# Standard, power factor, per cent: worked out from the rule's text, band by band.
EDGES = [
    (0.90, 1.00, -0.75), (0.90, 0.95, -0.75), (0.90, 0.94, -0.60), (0.90, 0.91, -0.15), (0.90, 0.90, 0.0),
    (0.90, 0.89, 0.5), (0.90, 0.71, 9.5), (0.90, 0.70, 10.0), (0.90, 0.69, 11.0), (0.90, 0.66, 14.0),
    (0.90, 0.65, 15.0), (0.90, 0.64, 17.0), (0.90, 0.63, 19.0), (0.90, 0.50, 45.0),
    (0.85, 1.00, -1.10), (0.85, 0.94, -1.10), (0.85, 0.93, -0.95), (0.85, 0.91, -0.65), (0.85, 0.90, -0.50),
    (0.85, 0.89, -0.40), (0.85, 0.86, -0.10), (0.85, 0.85, 0.0), (0.85, 0.84, 0.5), (0.85, 0.65, 10.0),
    (0.85, 0.64, 11.0), (0.85, 0.60, 15.0), (0.85, 0.59, 17.0),
    (0.80, 1.00, -1.30), (0.80, 0.92, -1.30), (0.80, 0.91, -1.15), (0.80, 0.90, -1.00), (0.80, 0.81, -0.10),
    (0.80, 0.80, 0.0), (0.80, 0.79, 0.5), (0.80, 0.60, 10.0), (0.80, 0.59, 11.0), (0.80, 0.55, 15.0),
    (0.80, 0.54, 17.0), (0.80, 0.0, 125.0),
]  # fmt: skip


@pytest.mark.parametrize(("standard", "pf", "percent"), EDGES)
def test_every_band_edge(standard: float, pf: float, percent: float) -> None:
    assert power_factor_adjustment(pf, standard) == percent
    assert power_factor_adjustment(round(pf * 100), round(standard * 100)) == percent


def test_arrays_and_whole_hundredths_say_the_same() -> None:
    standard, pf, percent = (np.array(column) for column in zip(*EDGES, strict=True))
    assert power_factor_adjustment(pf, standard).tolist() == percent.tolist()


def test_rounding_is_half_up() -> None:
    assert power_factor_adjustment(0.895, 0.90) == 0.0
    assert power_factor_adjustment(0.8949, 0.90) == 0.5
    # 0.945 is held as 0.944999…; it is a half all the same.
    assert power_factor_adjustment(0.945, 0.90) == -0.75


def test_reactive_energy_counts_without_its_sign() -> None:
    assert power_factor_of(np.array([80.0, 80.0, 0.0]), np.array([60.0, -60.0, 0.0])).tolist() == [0.8, 0.8, 1.0]


def test_capacitor_brings_the_power_factor_to_its_target() -> None:
    size = capacitor_kvar(1000, 0.80, 0.95)
    reactive = 1000 * np.tan(np.arccos(0.80)) - size
    assert power_factor_of(np.array([1000.0]), np.array([reactive]))[0] == pytest.approx(0.95)
    assert capacitor_kvar(1000, 0.97, 0.95) == 0


@pytest.mark.parametrize(("pf", "standard", "says"), [
    (0.9, 0.88, "standard is 0.88; the rule of 1983 knows 0.80, 0.85, 0.90"),
    (-0.1, 0.9, "power_factor is outside 0 to 1"),
    (1.2, 0.9, "power_factor is outside 0 to 1"),
    (float("nan"), 0.9, "power_factor is outside 0 to 1"),
])  # fmt: skip
def test_what_the_rule_does_not_know_is_refused(pf: float, standard: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        power_factor_adjustment(pf, standard)
