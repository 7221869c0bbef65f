"""What the three Slicer modules share that knows Qt or the application; work in child processes is in ``ChestCTJobs``.

One line a file: ``work_widget`` and ``work_logic`` panel and logic as all modules have them; ``runner`` a Qt timer that
drives a job; ``dependencies`` what is checked on Apply and installed with consent; ``sample_data`` phantoms for the
Sample Data module; ``lung_work``, ``lesion_work``, ``case_work``, ``annotation_work`` and ``follow_up_work`` the
commands of the modules, ``model_choice`` the models they offer; ``lesion_measuring`` measures that follow every edit
and ``lesion_review`` how they are shown; ``case_view``, ``case_drawing`` and ``case_results`` a whole case;
``case_parameters`` and ``lesion_parameters`` what a scene remembers; ``annotator_panel``, ``report_panel``,
``report_export`` and ``table_views`` parts of the panels.
"""
