"""Whether plasticity rules follow their formulas."""
