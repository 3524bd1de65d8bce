"""Datasets: the catalogue (cards that cost nothing to list), readers, splits and batches."""
