"""Speed against peers: the same work done by each implementation, ratios within one run."""
