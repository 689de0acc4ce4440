"""Configurations, the settings that are applied to them, and which points of a grid are run."""
