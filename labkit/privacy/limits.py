"""How few are too few, and how much of a total one customer may have (OpenSAFELY, ACRO, California D.14-05-016 as a base)."""

#: Fewest customers in a cell of anything in a report.
MIN_CUSTOMERS = 10
#: The 15/15 rule for energy and money.
MIN_CUSTOMERS_AMOUNT = 15
MAX_SHARE_AMOUNT = 0.15
#: Residential energy and money (California D.14-05-016).
MIN_CUSTOMERS_RESIDENTIAL = 100
#: How closely a hidden amount may be known, as a share of its largest customer's (the p % rule).
MIN_DOUBT_AMOUNT = 0.10
