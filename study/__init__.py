"""Joins the two worlds: data, experiments, sweeps, statistics and reports."""
