"""What a system that learns is: its task, its contract, its costs. Knows no system by name."""
