"""Robust detectors of what is out of the ordinary, and what each of them leads to. Pure."""
