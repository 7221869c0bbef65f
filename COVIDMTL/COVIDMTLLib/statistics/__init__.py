"""Statistics of the cohort and the models: Welch's ANOVA, classification scores, bootstrap intervals, DeLong's test."""
