"""What experiments write with: statistics, replicates, tables and figures, what they rest on."""
