"""Multi-label tags for bank transactions."""

from tagger.processor import tune_numpy

tune_numpy()  # before anything here imports numpy
