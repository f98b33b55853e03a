"""Mutation testing: which changes of one token do the tests of a module not notice?

``python -m tools.mutation`` tries them and writes docs/mutants.md; ``modules`` says which tests
concern which module. Imports cosmic-ray and pytest.
"""
