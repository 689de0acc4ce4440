"""Errors that come back through another matrix than the weights: networks, and spike times."""
