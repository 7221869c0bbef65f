"""The paper's own cohort of 1,329 patients: reading it, its tables and figures, and where a new scan lies in it."""
