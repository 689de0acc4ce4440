"""One trained network in two simulators: PyTorch's steps and Brian2's continuous time."""
