"""How often verdicts are wrong: synthetic campaigns with known truths."""
