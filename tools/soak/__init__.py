"""Campaigns under random faults, against an undisturbed one: ``tox run -e soak``."""
