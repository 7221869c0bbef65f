"""Adapters between MRML nodes and the engine's types; the scene is always an argument, and Qt is unknown here.

One line a file: ``geometry`` matrices between RAS and LPS; ``volumes`` CT volumes; ``terminology`` segment codes;
``segmentations`` label arrays; ``surfaces`` quick surfaces of masks, ``surface_files`` their files; ``nodes`` those
that belong to another; ``tables`` and ``plots`` numbers; ``report_nodes`` the case report; ``case_folder`` who belongs
together; ``displays`` and ``layouts`` how it is shown; ``color_scales`` colours and legends; ``model_nodes`` surfaces
as nodes; ``activation_overlay``, ``lesion_density``, ``peripheral_shell`` and ``intensity_plane`` what lies over and
beside the CT, ``lesion_surfaces`` its shapes, ``overlays`` its switches, ``lesion_plots`` its charts, ``case_overlays``
all of it for one case; ``headless`` a scene with views and no screen; ``scene_file`` the ``.mrb`` of a case.
"""
