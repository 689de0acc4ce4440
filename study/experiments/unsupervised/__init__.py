"""What Diehl & Cook's network learns without labels, and with parts of it taken away."""
