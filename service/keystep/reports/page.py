"""An HTML page that needs nothing beside itself: style within, no script, every text escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ground: #f6f6f3; --card: #fff; --line: #deded7; --ink: #22231f; --soft: #63655c;
  --s0: #2c6fc2; --s1: #c0702a; --s2: #2c8a4b; --s3: #8a4fc4; --s4: #b02a73; }
@media (prefers-color-scheme: dark) { :root { --ground: #17181a; --card: #1f2124; --line: #34373b; --ink: #e6e6e1; --soft: #a6a89f;
  --s0: #6ea5e8; --s1: #e0a060; --s2: #5fc482; --s3: #b595f0; --s4: #f08fc0; } }
body { font: 15px/1.55 system-ui, "Segoe UI", "Noto Sans", sans-serif; background: var(--ground); color: var(--ink); margin: 0 auto; max-width: 1080px; padding: 28px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 0 0 10px; } p { margin: 4px 0; } .soft { color: var(--soft); font-size: 13.5px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 20px; margin: 16px 0; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(430px, 1fr)); gap: 16px; margin: 16px 0; } .grid section { margin: 0; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; } th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); } td.n, th.n { text-align: right; white-space: nowrap; overflow-wrap: normal; font-variant-numeric: tabular-nums; }
td { overflow-wrap: break-word; } td:first-child { min-width: 9em; max-width: 30em; } pre { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; font: inherit; font-size: 13.5px; margin: 6px 0; max-height: 16em; overflow-y: auto; }
svg { width: 100%; display: block; overflow: visible; } svg text { fill: var(--soft); font-size: 11px; } .name { text-anchor: end; } .middle { text-anchor: middle; }
.axis { stroke: var(--line); fill: none; } .dot { fill-opacity: 0.45; }
.s0 { fill: var(--s0); } .s1 { fill: var(--s1); } .s2 { fill: var(--s2); } .s3 { fill: var(--s3); } .s4 { fill: var(--s4); }
path[class^=l] { fill: none; stroke-width: 1.8; } .l0 { stroke: var(--s0); } .l1 { stroke: var(--s1); } .l2 { stroke: var(--s2); } .l3 { stroke: var(--s3); } .l4 { stroke: var(--s4); }
.legend { font-size: 12.5px; color: var(--soft); } .legend span { margin-right: 14px; } .legend i { display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 5px; }
.k0 { background: var(--s0); } .k1 { background: var(--s1); } .k2 { background: var(--s2); } .k3 { background: var(--s3); } .k4 { background: var(--s4); }
"""


def page(title: str, about: Sequence[str], *parts: str) -> str:
    """about: lines under the title."""
    told = "".join(f'<p class="soft">{escape(line)}</p>' for line in about)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>{told}\n{chr(10).join(parts)}\n</body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def grid(*sections: str) -> str:
    return f'<div class="grid">{"".join(sections)}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The first column is words, the others are numbers."""
    top = "".join(f"<th{' class=n' if i else ''}>{escape(name)}</th>" for i, name in enumerate(head))
    body = "".join(
        "<tr>" + "".join(f"<td{' class=n' if i else ''}>{escape(str(cell))}</td>" for i, cell in enumerate(row)) + "</tr>" for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def text(content: str, most: int = 1200) -> str:
    """A rollout's text, cut where it is long."""
    cut = content if len(content) <= most else f"{content[:most]} … ({len(content)} characters)"
    return f'<pre dir="auto">{escape(cut)}</pre>'


def note(content: str) -> str:
    return f'<p class="soft">{escape(content)}</p>'
