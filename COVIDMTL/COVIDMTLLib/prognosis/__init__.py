"""Outcome (cured or deceased) from demographics, features, lesion extent: Table 7 of the intensity-map paper."""
