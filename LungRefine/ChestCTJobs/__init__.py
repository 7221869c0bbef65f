"""Work beside a scene in its own processes, for Slicer's modules and the browser viewer; knows neither Qt nor widgets.

One line a file: ``hand_over`` nodes to files and back in small steps; ``child`` what runs inside the child process;
``job`` one run of the ``covidmtl`` command; ``measure_service`` and ``measure_worker`` measures that follow every edit,
``lesion_results`` their nodes.
"""
