"""``python -m COVIDMTLApp``: the command line where the ``covidmtl`` script is not installed, as in Slicer."""

from COVIDMTLApp.cli import main

if __name__ == "__main__":
    main()
