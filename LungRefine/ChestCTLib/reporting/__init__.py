"""Views of the case report: CSV, HTML and the pictures in it. None of them computes a number."""
