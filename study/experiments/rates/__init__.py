"""How firing rates depend on the current and on a constant of each model."""
