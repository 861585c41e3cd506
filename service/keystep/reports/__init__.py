"""keystep rescore and keystep report: sources.py (what is looked at) -> rescore.py, report.py -> plots.py, page.py (HTML that needs nothing else)."""
