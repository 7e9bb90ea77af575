"""What makes customers leave sooner: proportional hazards, with the baseline and the predictions a utility needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm
from statsmodels.duration.hazard_regression import PHReg

from labkit.estimates import Estimate
from labkit.loyalty.accuracy import concordance_of, count_pairs
from labkit.loyalty.design import Design, numbers_of
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.proportional import check_proportional, score_residuals
from labkit.loyalty.risk_sets import RiskSets, group_codes, read_since, read_times
from labkit.loyalty.settling import may_not_settle

#: A customer is at risk only after its entry; PHReg takes the moment itself in.
_JUST_AFTER = 1e-6
#: A difference between two customers of more than this on the log hazard is no estimate but a separation.
_ENDLESS = 15.0
FEW_EVENTS = 10


@dataclass(frozen=True, eq=False)
class CoxModel:
    """Proportional hazards fitted on customers.

    Attributes
    ----------
    design : Design
        Covariates as numbers.
    coefficients : ndarray
        On the log hazard, by `design.names`.
    covariance : ndarray
        Robust by cluster where there are clusters.
    baselines : dict
        Stratum -> DataFrame of ``time``, ``hazard`` (cumulative, right-continuous, where all covariates are at their means).
    events_count, customers_count : int
    notes : tuple of str
        What the data cannot tell.
    """

    design: Design
    coefficients: np.ndarray
    covariance: np.ndarray
    baselines: dict[str, pd.DataFrame]
    means: np.ndarray
    events_count: int
    customers_count: int
    strata: str | None
    notes: tuple[str, ...]
    _sets: dict[str, tuple[RiskSets, np.ndarray]]

    @property
    def params(self) -> pd.Series:
        """Coefficients on the log hazard."""
        return pd.Series(self.coefficients, self.design.names, name="coefficient")

    @cached_property
    def baseline(self) -> pd.DataFrame:
        """``stratum`` (empty without strata), ``time``, ``hazard`` (cumulative) and ``survival`` where all covariates are at their means.

        Right-continuous: the value at a time counts those who left at it, and holds until the next.
        """
        parts = [
            b[["time", "hazard"]].assign(stratum=name, survival=np.exp(-b["hazard"]))
            for name, b in self.baselines.items()
        ]
        return pd.concat(parts, ignore_index=True)[["stratum", "time", "hazard", "survival"]]

    @cached_property
    def summary(self) -> pd.DataFrame:
        """``covariate``, ``coefficient``, ``standard_error``, ``hazard_ratio`` with ``low``, ``high`` (95 %), ``z``, ``p_value``."""
        b, se = self.coefficients, np.sqrt(np.diag(self.covariance))
        return pd.DataFrame(
            {
                "covariate": self.design.names,
                "coefficient": b,
                "standard_error": se,
                "hazard_ratio": np.exp(b),
                "low": np.exp(b - norm.ppf(0.975) * se),
                "high": np.exp(b + norm.ppf(0.975) * se),
                "z": b / se,
                "p_value": 2 * norm.sf(np.abs(b / se)),
            }
        )

    @cached_property
    def concordance(self) -> Estimate:
        """Of two customers, how often the one with the higher hazard leaves first (Harrell); within strata.

        On the customers it was fitted on, so a little too high; `labkit.loyalty.concordance` takes others.
        """
        found = [count_pairs(s.duration, s.event, x @ self.coefficients, s.given_entry) for s, x in self._sets.values()]
        return concordance_of(found)

    def predict_survival(self, x: pd.DataFrame, times: ArrayLike, alive_until: ArrayLike | None = None) -> pd.DataFrame:
        """Chance that customers are still there at given times.

        Parameters
        ----------
        x : DataFrame
            Covariates, and the stratum if there are strata; a row a customer.
        times : array_like
            On the clock of the durations (not from today).
        alive_until : float or array_like, optional
            Time until which each is known to be there, its tenure today; the chance is given that.

        Returns
        -------
        DataFrame
            A row a customer, a column a time; missing after the last time anybody was seen, and where the customer is known to be
            there only before anybody was.

        Raises
        ------
        LoyaltyError
            If a covariate is not there, or a stratum was not there at fitting.
        """
        survival, _ = self._predict(x, times, alive_until, spread=False)
        return survival

    def predict_interval(
        self, x: pd.DataFrame, times: ArrayLike, alive_until: ArrayLike | None = None, level: float = 0.95
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Lower and upper ends of `predict_survival`: of coefficients and baseline, on the log-log scale.

        Notes
        -----
        Tsiatis (1981), doi:10.1214/aos/1176345333. Holds for the chance of customers like these, not for one of them.
        """
        survival, spread = self._predict(x, times, alive_until, spread=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log(survival.to_numpy())
            reach = norm.ppf(0.5 + level / 2) * spread / np.abs(log)
            ends = [np.where(log < 0, np.exp(log * np.exp(side * reach)), survival) for side in (1, -1)]
        low, high = (pd.DataFrame(e, survival.index, survival.columns) for e in ends)
        return low, high

    def _predict(
        self, x: pd.DataFrame, times: ArrayLike, alive_until: ArrayLike | None, *, spread: bool
    ) -> tuple[pd.DataFrame, np.ndarray]:
        z = self.design.transform(x) - self.means
        t = np.atleast_1d(np.asarray(times, dtype=float))
        since = read_since(alive_until, len(x))
        if self.strata is not None and self.strata not in x:
            raise LoyaltyError(f"the customers have no column {self.strata}, the stratum; give it")
        which = np.full(len(x), "") if self.strata is None else x[self.strata].astype(str).to_numpy()
        unknown = sorted(set(which.tolist()) - set(self.baselines))
        if unknown:
            raise LoyaltyError(f"{self.strata} has the value {unknown[0]!r}, which had no customers at fitting")
        out, sd = np.empty((len(x), len(t))), np.empty((len(x), len(t)))
        for name in sorted(set(which.tolist())):
            own = np.flatnonzero(which == name)
            base = self.baselines[name]
            at, start = (np.searchsorted(base["time"], w, side="right") for w in (t, since[own]))
            hazard = np.r_[0.0, base["hazard"]]
            h = hazard[at][None, :] - hazard[start][:, None]
            ratio = np.exp(z[own] @ self.coefficients)[:, None]
            sets = self._sets[name][0]
            last, begin = sets.duration.max(), max(float(sets.entry.min()), 0.0)
            h = np.where(t[None, :] <= since[own][:, None], 0.0, h)
            unknown = (t[None, :] > last) | ((since[own] < begin)[:, None] & (t[None, :] > since[own][:, None]))
            out[own] = np.where(unknown, np.nan, np.exp(-h * ratio))
            if spread:
                noise, pull = np.r_[0.0, base["variance"]], np.vstack([np.zeros(z.shape[1]), self._pulls(name)])
                dv = np.maximum(noise[at][None, :] - noise[start][:, None], 0)
                q = z[own][:, None, :] * h[..., None] - (pull[at][None] - pull[start][:, None])
                drift = np.einsum("ntp,pq,ntq->nt", q, self.covariance, q)
                sd[own] = ratio * np.sqrt(dv + drift)
        return pd.DataFrame(out, x.index, t), sd

    def _pulls(self, name: str) -> np.ndarray:
        """Sums over times of d / R times the mean of covariates at risk: how the baseline moves with the coefficients."""
        sets, x = self._sets[name]
        z = x - self.means
        r = np.exp(z @ self.coefficients)
        total = sets.sum(r)
        return np.asarray(
            np.cumsum(
                sets.sum_events(np.ones(len(r)))[:, None] * sets.sum(z * r[:, None]) / total[:, None] ** 2, axis=0
            )
        )

    def check_proportional(self, transform: str = "km") -> pd.DataFrame:
        """Whether hazard ratios stay the same over time.

        Parameters
        ----------
        transform : {"km", "rank", "identity", "log"}
            Scale of time on which a drift is looked for; ``km`` is steady where times are skewed.

        Returns
        -------
        DataFrame
            ``covariate``, ``correlation`` of scaled Schoenfeld residuals with time, ``statistic``, ``p_value``, and as
            sizes of the effect ``early_ratio`` and ``late_ratio``: the hazard ratio at the first and the last tenth
            of the departures if the drift is straight; a last row ``all``. With many customers a small drift is
            significant: judge by the ratios.

        Notes
        -----
        Score test of a straight drift, with the information at each departure; Grambsch and Therneau (1994),
        doi:10.1093/biomet/81.3.515.
        """
        return check_proportional(self._sets, self.coefficients, self.means, self.design.names, transform)


def fit_cox(
    table: pd.DataFrame,
    duration: str,
    event: str,
    covariates: Sequence[str],
    entry: str | None = None,
    strata: str | None = None,
    clusters: str | None = None,
) -> CoxModel:
    """How much sooner customers leave who differ in something (proportional hazards).

    Parameters
    ----------
    table : DataFrame
        A row a customer, or several with start and stop where covariates change.
    duration, event : str
        Columns: when each left or was last seen, and whether it left.
    covariates : sequence of str
        Columns of numbers, yes and no, or words.
    entry : str, optional
        Column: when it was first seen, or when the row starts.
    strata : str, optional
        Column: groups with a baseline of their own.
    clusters : str, optional
        Column: customer or legal entity, for errors that hold where rows hang together.

    Raises
    ------
    LoyaltyError
        If times or covariates cannot be, nobody left, all left at one time, or a covariate tells those who leave
        without fail.

    Notes
    -----
    Partial likelihood with Efron's ties by statsmodels; entry is open (a customer who comes at t is at risk after t); the
    baseline is Breslow's, right-continuous, with entry. Breslow (1974), doi:10.2307/2529620; Efron (1977),
    doi:10.1080/01621459.1977.10480613. Whole months are much faster than days. Competing reasons: fit one model a reason, with
    the others as last seen, and see `cumulative_incidence`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame({"price": rng.normal(size=500)})
    >>> left = np.ceil(rng.exponential(24 * np.exp(-0.5 * table["price"])))
    >>> table = table.assign(months=np.minimum(left, 36), left=left <= 36)
    >>> model = fit_cox(table, "months", "left", ["price"])
    >>> bool(model.summary["low"].iloc[0] < np.exp(0.5) < model.summary["high"].iloc[0])
    True
    """
    for column in (
        duration,
        event,
        *([entry] if entry else []),
        *([strata] if strata else []),
        *([clusters] if clusters else []),
    ):
        if column not in table:
            raise LoyaltyError(f"the table has no column {column}; its columns are {', '.join(map(str, table))}")
    everybody = read_times(table[duration], table[event], None if entry is None else table[entry])
    design, x = numbers_of(table, covariates)
    _refuse(everybody, x, design, duration)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    which = None if strata is None else pd.factorize(table[strata].astype(str), sort=True)[0]
    groups = None if clusters is None else group_codes(table, clusters)
    b, covariance = _fit(everybody, (x - mean) / scale, entry is not None, which)
    reach = np.abs(b / scale) * np.ptp(x, axis=0)
    error = np.sqrt(np.diag(covariance))
    if not np.isfinite(b).all() or not np.isfinite(error).all() or (reach > _ENDLESS).any():
        worst = design.names[int(np.argmax(np.where(np.isfinite(reach), reach, np.inf)))]
        raise LoyaltyError(
            f"{worst} tells those who leave from those who stay without fail, so its effect has no end; leave it out, join "
            "its values, or look whether it is known only afterwards"
        )
    b, covariance = b / scale, covariance / np.outer(scale, scale)
    names = [""] if which is None else sorted(set(table[strata].astype(str)))
    sets, baselines, pulls = {}, {}, np.zeros_like(x)
    for i, name in enumerate(names):
        own = np.arange(len(x)) if which is None else np.flatnonzero(which == i)
        part = RiskSets(everybody.duration[own], everybody.event[own], everybody.entry[own])
        sets[name] = (part, x[own])
        baselines[name] = _baseline(part, (x[own] - mean) @ b)
        if groups is not None:
            pulls[own] = score_residuals(part, x[own] - mean, b)
    if groups is not None:
        sums = np.column_stack([np.bincount(groups, pulls[:, k]) for k in range(x.shape[1])]) @ covariance
        covariance = sums.T @ sums
    return CoxModel(
        design,
        b,
        covariance,
        baselines,
        mean,
        int(everybody.event.sum()),
        len(x),
        strata,
        _notes(everybody, design),
        sets,
    )


def _refuse(sets: RiskSets, x: np.ndarray, design: Design, duration: str) -> None:
    left = int(sets.event.sum())
    if left == 0:
        raise LoyaltyError(
            "nobody left, so nothing can be said of what makes customers leave; survival_curve gives what is known"
        )
    if len(sets.times) == 1 and (sets.duration <= sets.times[0]).all():
        raise LoyaltyError(
            f"all left at {duration} {sets.times[0]:g}, at one time: who leaves sooner cannot be told; take a finer clock"
        )
    if left < len(design.names) + 1:
        raise LoyaltyError(f"{left} departures are too few for {len(design.names)} covariates; give fewer of them")
    for column, name in enumerate(design.names):
        values = x[:, column]
        if set(np.unique(values)) == {0.0, 1.0} and len(np.unique(values[sets.event])) == 1:
            raise LoyaltyError(
                f"all who left have {name} {values[sets.event][0]:g}, so it tells those who leave without fail and its effect "
                "has no end; leave it out, join its values, or look whether it is known only afterwards"
            )


def _notes(sets: RiskSets, design: Design) -> tuple[str, ...]:
    left = int(sets.event.sum())
    if left < FEW_EVENTS * len(design.names):
        return (
            f"{left} departures for {len(design.names)} covariates: fewer than {FEW_EVENTS} each, so effects are exaggerated and intervals too narrow.",
        )
    return ()


def _fit(sets: RiskSets, x: np.ndarray, late: bool, which: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    entry = sets.entry + _JUST_AFTER if late else None
    model = PHReg(sets.duration, x, status=sets.event.astype(int), entry=entry, strata=which, ties="efron")
    with may_not_settle():
        try:
            fit = model.fit(disp=0)
            return np.asarray(fit.params), np.asarray(fit.cov_params())
        except np.linalg.LinAlgError:
            return np.full(x.shape[1], np.nan), np.full((x.shape[1],) * 2, np.nan)


def _baseline(sets: RiskSets, score: np.ndarray) -> pd.DataFrame:
    r = np.exp(score)
    total, count = sets.sum(r), sets.sum_events(np.ones(len(r)))
    return pd.DataFrame(
        {"time": sets.times, "hazard": np.cumsum(count / total), "variance": np.cumsum(count / total**2)}
    )
