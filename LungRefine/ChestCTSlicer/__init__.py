"""What the three Slicer modules share that knows Qt or the application: running work in a child process.

One line a file: ``work_widget`` and ``work_logic`` panel and logic as all modules have them; ``hand_over`` nodes to
files and back in small steps; ``child`` what runs inside the child process; ``job`` one run of the ``covidmtl``
command, free of Qt; ``runner`` a Qt timer that drives a job; ``dependencies`` what is checked on Apply and installed
with consent; ``sample_data`` phantoms for the Sample Data module; ``lung_work`` and ``lesion_work`` the commands of
the modules; ``measure_service`` and ``measure_worker`` measures that follow every edit, ``lesion_results`` their nodes.
"""
