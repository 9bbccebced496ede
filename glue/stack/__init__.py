"""The native run: find or install the programs, start them, keep them alive, stop them.

``parts/`` describes each program as a value (:class:`glue.stack.part.Part`), ``process`` runs one
such value, ``supervisor`` runs them all, ``install`` gets what is missing.
"""
