"""The foundation: CT volumes, reading and writing, phantoms, learning, the model registry and reporting."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036  # Slicer loads the modules without asking what they need
    raise ImportError(
        "COVID-MTL needs Python 3.10 or newer; this is Python "
        + sys.version.partition(" ")[0]
        + ". Use 3D Slicer 5.10 or newer, which has Python 3.12."
    )
