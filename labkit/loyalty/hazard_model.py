"""What monthly hazards foretell: who is still there, who has left for what, seen against foretold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2

from labkit.estimates import draw_normal
from labkit.loyalty.cells import NO_CONTRACT, Cells, month_number, renewal_name
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.hazard_fit import (
    ReasonFit,
    at_risk_for,
    cell_design,
    covariate_frame,
)
from labkit.loyalty.risk_sets import read_since


@dataclass(frozen=True, eq=False)
class HazardModel:
    """Monthly hazards by reason.

    Attributes
    ----------
    cells : Cells
    reasons : tuple of str
    summary : DataFrame
        ``reason``, ``term``, ``coefficient``, ``standard_error``, ``hazard_ratio`` with ``low``, ``high`` (95 %),
        ``p_value``. Where nobody left the ratio is 0 and ``high`` is what so much time without a departure allows.
    notes : tuple of str
        What the data cannot tell.
    """

    cells: Cells
    reasons: tuple[str, ...]
    bands: tuple[int, ...]
    renewal_bands: tuple[int, ...]
    columns: dict[str, str]
    calendar: pd.DataFrame | None
    words: dict[str, tuple[str, ...]]
    summary: pd.DataFrame
    notes: tuple[str, ...]
    _models: dict[str, ReasonFit]

    @property
    def params(self) -> pd.DataFrame:
        """Coefficients: a row a term, a column a reason."""
        return pd.DataFrame({reason: model.params for reason, model in self._models.items()})

    def check(self, by: str = "band") -> pd.DataFrame:
        """Departures seen and foretold, by a column of the cells or a covariate.

        Returns
        -------
        DataFrame
            ``reason``, the column, ``at_risk``, ``seen``, ``low``, ``high`` (exact Poisson), ``expected``, ``within``.
        """
        table = self.cells.table
        key = table[by] if by in table else self.cells.segments[by].iloc[table["segment"]].reset_index(drop=True)
        rows = []
        for reason, model in self._models.items():
            eta = self._eta(model, *self._of_cells())
            expected = at_risk_for(self.cells, reason) * -np.expm1(-np.exp(eta))
            sums = pd.DataFrame({by: key, "at_risk": table["at_risk"], "seen": table[reason], "expected": expected})
            for name, part in sums.groupby(by, sort=True)[["at_risk", "seen", "expected"]].sum().iterrows():
                low = chi2.ppf(0.025, 2 * part["seen"]) / 2 if part["seen"] else 0.0
                high = chi2.ppf(0.975, 2 * part["seen"] + 2) / 2
                rows.append(
                    (
                        reason,
                        name,
                        part["at_risk"],
                        part["seen"],
                        low,
                        high,
                        part["expected"],
                        low <= part["expected"] <= high,
                    )
                )
        return pd.DataFrame(rows, columns=["reason", by, "at_risk", "seen", "low", "high", "expected", "within"])

    def predict_survival(
        self,
        x: pd.DataFrame,
        times: ArrayLike,
        alive_until: ArrayLike | None = None,
        calendar: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Chance of still being there after so many months since time zero; a row a customer, a column a time.

        Parameters
        ----------
        x : DataFrame
            Covariates, and the columns of contract end and start if the model has those clocks.
        times : array_like of int
            Months since time zero.
        alive_until : int or array_like, optional
            Months until which each is known to be there.
        calendar : DataFrame, optional
            Calendar covariates of months to come; the last known values hold on where it ends.
        """
        survival, _ = self._predict(x, times, alive_until, calendar)
        return survival

    def predict_incidence(
        self,
        x: pd.DataFrame,
        times: ArrayLike,
        alive_until: ArrayLike | None = None,
        calendar: pd.DataFrame | None = None,
    ) -> dict[str, pd.DataFrame]:
        """Chance of having left for each reason; with `predict_survival` they add up to 1."""
        return self._predict(x, times, alive_until, calendar)[1]

    def _predict(
        self, x: pd.DataFrame, times: ArrayLike, alive_until: ArrayLike | None, calendar: pd.DataFrame | None
    ) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
        t = np.atleast_1d(np.asarray(times, dtype=np.int64))
        since = read_since(alive_until, len(x)).astype(np.int64)
        segments = self._segments_of(x)
        base = {r: self._eta(m, *self._of_rows(segments)) for r, m in self._models.items()}
        end = x[self.columns["renewal"]].to_numpy(dtype=float) if "renewal" in self.columns else None
        zero = month_number(x[self.columns["start"]]) if "start" in self.columns else np.zeros(len(x), np.int64)
        known = self.calendar if calendar is None else pd.concat([self.calendar, calendar])
        alive = np.ones(len(x))
        gone = {r: np.zeros(len(x)) for r in self.reasons}
        out: dict[int, np.ndarray] = {}
        left: dict[str, dict[int, np.ndarray]] = {r: {} for r in self.reasons}
        for u in range(int(since.min()) + 1, int(t.max()) + 1):
            rates = {r: np.exp(base[r] + self._clock(self._models[r], u, end, zero, known)) for r in self.reasons}
            total = np.where(u > since, sum(rates.values()), 0.0)
            leaves = alive * -np.expm1(-total)
            for r in self.reasons:
                gone[r] = gone[r] + leaves * np.where(total > 0, rates[r] / np.where(total > 0, total, 1), 0)
            alive = alive - leaves
            if u in t:
                out[u] = alive
                for r in self.reasons:
                    left[r][u] = gone[r]
        for u in t[t <= since.min()]:
            out[int(u)] = np.ones(len(x))
            for r in self.reasons:
                left[r][int(u)] = np.zeros(len(x))
        order = [int(u) for u in t]
        return pd.DataFrame(out, x.index)[order], {r: pd.DataFrame(v, x.index)[order] for r, v in left.items()}

    def monthly_rates(
        self,
        x: pd.DataFrame,
        months: int,
        *,
        calendar: pd.DataFrame | None = None,
        params: dict[str, pd.Series] | None = None,
    ) -> dict[str, np.ndarray]:
        """Cumulative hazard of each of the months to come, by reason, shape (customers, months).

        Parameters
        ----------
        x : DataFrame
            As of `predict_survival`, with ``alive_until``: months on the clock of each customer today.
        months : int
        calendar : DataFrame, optional
        params : dict, optional
            Other coefficients, such as those of `draw_params`.
        """
        segments = self._segments_of(x)
        since = x["alive_until"].to_numpy(dtype=np.int64)
        end = x[self.columns["renewal"]].to_numpy(dtype=float) if "renewal" in self.columns else None
        zero = month_number(x[self.columns["start"]]) if "start" in self.columns else np.zeros(len(x), np.int64)
        known = self.calendar if calendar is None else pd.concat([self.calendar, calendar])
        frame, names = self._of_rows(segments)
        out = {}
        for reason, model in self._models.items():
            own = model if params is None else replace(model, params=params[reason])
            base = self._eta(own, frame, names)
            ahead = since[:, None] + np.arange(1, months + 1)
            eta = base[:, None] + self._clock(own, ahead, None if end is None else end[:, None], zero[:, None], known)
            out[reason] = np.exp(eta)
        return out

    def draw_params(self, draws: int, seed: int = 0) -> list[dict[str, pd.Series]]:
        """Coefficients as likely as these by the data; terms in which nobody left stay at minus infinity."""
        rng = np.random.default_rng(seed)
        drawn: list[dict[str, pd.Series]] = [{} for _ in range(draws)]
        for reason, model in self._models.items():
            b = draw_normal(model.params[model.fitted].to_numpy(), model.covariance, draws, rng)
            for one, row in zip(drawn, b):
                params = model.params.copy()
                params[model.fitted] = row
                one[reason] = params
        return drawn

    def _segments_of(self, x: pd.DataFrame) -> pd.DataFrame:
        wanted = [*self.cells.segments.columns, *self.columns.values()]
        absent = [c for c in wanted if c not in x]
        if absent:
            raise LoyaltyError(f"the customers have no column {absent[0]}; the model wants {', '.join(wanted)}")
        segments = x[list(self.cells.segments.columns)].reset_index(drop=True)
        if segments.isna().any(axis=None):
            column = segments.columns[int(segments.isna().any().to_numpy().argmax())]
            raise LoyaltyError(
                f"{column} is missing for {int(segments[column].isna().sum())} customers; leave those out"
            )
        return segments

    def _clock(
        self,
        model: ReasonFit,
        u: int | np.ndarray,
        end: np.ndarray | None,
        zero: np.ndarray,
        calendar: pd.DataFrame | None,
    ) -> np.ndarray | float:
        """What month u on the clock adds: its band, what is left of the contract, the calendar."""
        band = np.maximum(np.searchsorted(self.bands, u, side="left") - 1, 0)
        eta: Any = np.array([model.params.get(f"band={b}", 0.0) for b in self.bands])[band]
        if end is not None:
            edges = np.array(self.renewal_bands)
            left = np.where(np.isfinite(end), end - u, 0)
            place = np.searchsorted(edges, left, side="left")
            names = _renewal_names(self.renewal_bands)
            effects = np.array([model.params.get(f"renewal={n}", 0.0) for n in [*names, NO_CONTRACT]])
            eta = eta + effects[np.where(np.isfinite(end), place, len(names))]
        if calendar is not None:
            numbers = month_number(pd.Series(calendar.index))
            at = np.searchsorted(numbers, zero + u - 1, side="right") - 1
            for column in calendar:
                eta = (
                    eta
                    + model.params[column] * calendar[column].to_numpy(dtype=float)[np.clip(at, 0, len(numbers) - 1)]
                )
        return np.asarray(eta)

    def _of_rows(self, segments: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
        frame = covariate_frame(segments, self.words)
        return frame.assign(const=1.0), ["const", *frame.columns]

    def _of_cells(self) -> tuple[pd.DataFrame, list[str]]:
        frame = cell_design(self.cells, self.bands, self.words, self.calendar, "renewal" in self.columns)
        return frame, list(frame.columns)

    @staticmethod
    def _eta(model: ReasonFit, frame: pd.DataFrame, names: list[str]) -> np.ndarray:
        params = model.params.reindex(names).fillna(0.0)
        endless = np.isneginf(params.to_numpy())
        eta = frame[names].to_numpy() @ np.where(endless, 0.0, params.to_numpy())
        if endless.any():
            eta = np.where((frame[names].to_numpy()[:, endless] != 0).any(axis=1), -np.inf, eta)
        return np.asarray(eta)


def _renewal_names(bands: Sequence[int]) -> list[str]:
    lowers, uppers = [-(10**5), *[b + 1 for b in bands]], [*bands, 10**5]
    return [renewal_name(low, high) for low, high in zip(lowers, uppers)]
