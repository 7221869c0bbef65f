"""A small window that runs the project's Slicer modules without Slicer: real ``.ui`` and module files, real MRML, Qt.

PySide6 stands for PythonQt (with its ``true_property`` feature: Qt properties are attributes), ``slicer-core`` is
Slicer's own MRML, ``trame-slicer`` its views; stand-ins give the qMRML and ctk widgets, ``parameterNodeWrapper``,
``ScriptedLoadableModule``, ``i18n`` and ``slicer.app``. A stand-in offers only names that Slicer has: ``test_names.py``
holds every one of them against ``slicer_names.json``, which was taken from a running Slicer.

One line a file: ``qt_module`` the ``qt`` module; ``widgets`` qMRML and ctk widgets; ``segment_editor``
the segment editor; ``parameters`` the typed parameter
node; ``scripted`` the base classes of modules; ``views`` slice, 3D, table and plot views; ``layout`` the layout
manager; ``application`` all of it as ``slicer``, ``qt`` and ``ctk``; ``window`` the window; ``fixture`` the host for
pytest; ``used_names`` which names of Slicer the modules rely on; ``__main__`` the command line.
"""
