"""Opinions without a language model."""
