"""Adapters between MRML nodes and the engine's types; the scene is always an argument, and Qt is unknown here.

One line a file: ``geometry`` matrices between RAS and LPS; ``volumes`` CT volumes; ``terminology`` segment codes;
``segmentations`` label arrays; ``surfaces`` quick surfaces of masks, ``surface_files`` their files; ``nodes`` those
that belong to another; ``tables`` and ``plots`` numbers; ``report_nodes`` the case report; ``case_folder`` who belongs
together; ``displays`` and ``layouts`` how it is shown; ``headless`` a scene with views and no screen; ``scene_file``
the ``.mrb`` of a case.
"""
