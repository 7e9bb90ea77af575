"""Shared by the tests of the package."""

from __future__ import annotations

from hypothesis import Phase, settings

#: Under `make mutation` one example that fails is enough: to look for the smallest takes longer than all the other tests.
settings.register_profile(
    "mutation",
    settings.get_profile("ci"),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    report_multiple_bugs=False,
    derandomize=True,
    deadline=None,
)
