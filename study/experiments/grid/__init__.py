"""The thesis that this project replicates: its grids, its claims, its tables and figures.

Lee, "Implementing and Performance Analyzing a Spiking Neural Network based on Surrogate
Gradient", bachelor's thesis, Soonchunhyang University, 2024 (in Korean).
"""
