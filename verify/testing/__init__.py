"""Verdicts as tests: what the pytest plugin does once a test asks for it.

``guards`` runs a guard once for all tests that ask for it, ``source`` says when a kept result still
holds, ``checks`` shares a result out to tests, ``catalogue`` collects predictions, ``marks`` and
``tables`` are for test files. Imports nothing by itself.
"""
