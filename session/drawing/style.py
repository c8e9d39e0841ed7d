"""How pages look; kept apart so that their words can be read without it."""

from __future__ import annotations

from .svg import HAIR, INK, QUALITY, SOFT

CSS = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #faf9f6; color: {INK};
  font: 16px/1.5 "Source Sans 3", "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; }}
main {{ max-width: 1160px; margin: 0 auto; padding: 28px 20px 60px; }}
.banner {{ margin: 0 0 26px; padding: 10px 18px; border: 2px solid {INK}; background: #fff; }}
.banner b {{ letter-spacing: .22em; margin-right: 14px; }}
.kind {{ margin: 0; color: {SOFT}; letter-spacing: .04em; }}
h1 {{ margin: 0; font-size: 34px; line-height: 1.2; font-weight: 650; overflow-wrap: anywhere; }}
.facts {{ margin: 6px 0 0; color: {SOFT}; }}
.notice {{ margin: 18px 0 0; max-width: 52em; font-size: 17px; }}
h2 {{ margin: 0 0 12px; font-size: 22px; font-weight: 650; }}
h3 {{ margin: 0 0 6px; font-size: 14px; font-weight: 600; color: {SOFT}; }}
section {{ margin-top: 44px; }}
.cards {{ display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px; margin-top: 26px; }}
.card {{ background: #fff; border: 1px solid {HAIR}; border-radius: 6px; padding: 14px 16px; }}
.card p {{ margin: 4px 0 0; font-size: 14.5px; line-height: 1.42; }}
.card.gate {{ border: 1.5px solid {INK}; }}
.card.gate b {{ font-size: 26px; line-height: 1.25; font-weight: 650; }}
.card .figure {{ font-size: 26px; font-weight: 650; line-height: 1.25; margin: 0; }}
.figure small {{ display: block; font-size: 14.5px; font-weight: 400; color: {SOFT}; }}
.note {{ margin-top: 18px; padding: 12px 18px; background: #fff;
  border-left: 4px solid {QUALITY}; }}
.note ul {{ margin: 0; padding-left: 20px; }}
figure {{ margin: 0; background: #fff; border: 1px solid {HAIR}; border-radius: 6px;
  padding: 12px 10px 6px; }}
svg {{ display: block; width: 100%; height: auto; }}
svg text {{ font-size: 12px; fill: {INK}; }}
svg .row {{ font-size: 13px; }}
svg .tick {{ fill: {SOFT}; }}
svg .phase {{ fill: {SOFT}; font-size: 13px; }}
svg .onDark {{ fill: #fff; }}
.legend {{ margin: 0 0 8px; }}
.chip {{ margin-right: 20px; font-size: 14.5px; }}
.chip i {{ display: inline-block; width: 14px; height: 14px; margin-right: 7px; border-radius: 2px;
  vertical-align: -2px; }}
.caption {{ margin: 10px 0 0; max-width: 62em; color: {SOFT}; font-size: 14.5px; }}
.wide {{ overflow-x: auto; margin-top: 14px; }}
table {{ border-collapse: collapse; width: 100%; font-size: 14.5px; }}
th {{ text-align: left; font-weight: 600; color: {SOFT}; padding: 4px 16px 6px 0;
  border-bottom: 1.5px solid {INK}; vertical-align: bottom; }}
td {{ padding: 6px 16px 6px 0; border-bottom: 1px solid {HAIR}; vertical-align: top;
  overflow-wrap: break-word; }}
details {{ margin-top: 14px; }}
summary {{ color: {SOFT}; font-size: 14.5px; cursor: pointer; }}
footer {{ margin-top: 50px; padding-top: 12px; border-top: 1px solid {HAIR}; color: {SOFT}; }}
@media (max-width: 900px) {{ .cards {{ grid-template-columns: repeat(2, 1fr); }} }}
@media (max-width: 520px) {{ .cards {{ grid-template-columns: 1fr; }} }}
@media print {{
  body {{ background: #fff; font-size: 11pt; }}
  * {{ -webkit-print-color-adjust: exact; print-color-adjust: exact; }}
  main {{ max-width: none; padding: 0; }}
  section {{ margin-top: 24pt; }}
  figure, .card, tr {{ break-inside: avoid; }}
  h2 {{ break-after: avoid; }}
  .wide {{ overflow: visible; }}
  details::details-content {{ content-visibility: visible; block-size: auto; }}
}}
"""
