"""Trials: what is run, by whom, where its record lies. Knows no learner and no experiment."""
