"""What people start: the ``covidmtl`` command line, the browser viewer and batch runs."""
