"""Figures over scored groups, pure: flips.py (two recipes over the same rollouts); texts.py (what is counted in a text), points.py (a run in short), alarm.py (what looks like a hack)."""
