"""Verbs: check, change rows, audit, queue notices – one transaction each."""
