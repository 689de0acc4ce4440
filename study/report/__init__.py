"""Renders sections to HTML and PDF; knows no experiment by name."""
