"""Writes tests/labkit/loyalty/expected.json with lifelines 0.30.0, in an environment of its own.

python -m venv env && env/bin/pip install lifelines==0.30.0
env/bin/python -m tests.benchmarks.lifelines_expected
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import lifelines
import numpy as np
from lifelines.utils import concordance_index

from tests.labkit.loyalty.cases import make_customers, spread_times

table = make_customers()
found: dict[str, object] = {"source": f"lifelines {version('lifelines')}"}
times = [6, 12, 24, 36, 48]

km = lifelines.KaplanMeierFitter().fit(table["months"], table["left"], entry=table["entry"])
found["survival_late"] = [float(km.predict(t)) for t in times]
km = lifelines.KaplanMeierFitter().fit(table["months"], table["left"])
found["survival"] = [float(km.predict(t)) for t in times]
ends = km.confidence_interval_survival_function_
found["survival_ends"] = [[float(v) for v in ends[ends.index <= t].iloc[-1]] for t in times]

spread = spread_times(table)
kinds = np.where(spread["left"], np.where(spread["reason"] == "retailer", 1, 2), 0)
aj = lifelines.AalenJohansenFitter(calculate_variance=True).fit(spread["months"], kinds, event_of_interest=1)
found["incidence"] = [float(aj.cumulative_density_[aj.cumulative_density_.index <= t].iloc[-1, 0]) for t in times]
ci = aj.confidence_interval_
found["incidence_ends"] = [[float(v) for v in ci[ci.index <= t].iloc[-1]] for t in times]

columns = ["months", "left", "price", "contract"]
late = lifelines.CoxPHFitter().fit(table[[*columns, "entry"]], "months", "left", entry_col="entry")
found["cox_late"] = {"params": late.params_.to_dict(), "errors": late.standard_errors_.to_dict()}
plain = lifelines.CoxPHFitter().fit(table[columns], "months", "left")
found["cox"] = {
    "params": plain.params_.to_dict(),
    "errors": plain.standard_errors_.to_dict(),
    "concordance": plain.concordance_index_,
}
found["predicted"] = plain.predict_survival_function(table.head(4), times).to_numpy().T.tolist()
found["predicted_given"] = (
    plain.predict_survival_function(table.head(4), [12, 24], conditional_after=[6, 6, 6, 6]).to_numpy().T.tolist()
)
strata = lifelines.CoxPHFitter().fit(table[[*columns, "area"]], "months", "left", strata=["area"])
found["cox_strata"] = {"params": strata.params_.to_dict(), "errors": strata.standard_errors_.to_dict()}
robust = lifelines.CoxPHFitter().fit(table[[*columns, "entity"]], "months", "left", cluster_col="entity")
found["cox_clusters"] = {"params": robust.params_.to_dict(), "errors": robust.standard_errors_.to_dict()}
found["concordance_price"] = concordance_index(table["months"], -table["price"].round(1), table["left"])

(Path(__file__).parents[1] / "labkit" / "loyalty" / "expected.json").write_text(json.dumps(found, indent=1) + "\n")
