"""The foundation: CT volumes, reading and writing, phantoms, learning, the model registry and reporting."""
