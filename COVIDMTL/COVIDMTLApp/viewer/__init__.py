"""The browser viewer: Slicer's scene, views and segment editor on the server, their pictures in a browser.

A front (``front``) lets in who may come in (``access``) and gives every tab a process of its own (``sessions``,
``session``), so that two tabs never share a scene. In that process, one line a file: ``app`` puts the parts together;
``context`` what they share; ``inputs`` what a path points at; ``scene`` the case's nodes; ``views`` planes and 3D;
``case_logic`` opening and running (``run_work``); ``overlay_logic``, ``measure_logic``, ``correction_logic`` and
``probabilities`` what their names say; ``charts`` plots as SVG; ``probe`` what lies under the mouse; ``view_frames``
what stands over a view; ``http`` and ``downloads`` what goes beside the page; ``page``, ``controls`` and the
``*_panel`` files what is seen; ``www`` what the browser is sent.
"""
