"""All flights that left New York City in 2013: related models, a fast load, a dozen questions.

Run it with ``python -m examples.flights``; see README.md in this folder.
"""
