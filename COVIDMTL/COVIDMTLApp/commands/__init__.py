"""One file a command; heavy libraries are imported inside the functions, so that ``--help`` stays quick."""
