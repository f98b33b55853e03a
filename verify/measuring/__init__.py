"""Measuring a campaign, and keeping what was measured."""
