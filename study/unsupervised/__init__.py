"""Diehl & Cook's network in the report: what is run, and how its results are set out."""
