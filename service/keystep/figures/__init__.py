"""Figures over scored groups, pure: flips.py (two recipes over the same rollouts), points.py (a run in short), alarm.py (what looks like a hack)."""
