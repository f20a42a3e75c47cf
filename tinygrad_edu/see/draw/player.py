"""A page that plays a picture step by step: one HTML file that loads nothing and runs only its own script."""

import html
import json
from collections.abc import Sequence
from typing import Any

from tinygrad_edu.see.page import sealed
from tinygrad_edu.see.words import say

BODY = """\
<figure data-seconds="{seconds:g}" data-last="{last}">
{svg}
</figure>
<section>
<output aria-live="polite"></output>
<nav hidden aria-label="{scrub}">
<button data-control="first" aria-label="{step_first}">|◀</button>
<button data-control="back" aria-label="{step_back}">◀</button>
<button data-control="play" data-pause="{pause}">{play}</button>
<button data-control="forth" aria-label="{step_on}">▶</button>
<button data-control="last" aria-label="{step_last}">▶|</button>
<input data-control="scrub" type="range" min="0" max="{last}" value="0" aria-label="{scrub}">
</nav>
</section>
<noscript><p>{no_motion}</p></noscript>
{below}
<script type="application/json" id="captions">{captions}</script>
<script type="application/json" id="changes">{changes}</script>"""

WORDS = ("scrub", "step_first", "step_back", "play", "pause", "step_on", "step_last", "no_motion")

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 72rem; margin: 0 auto; padding: 1rem }
figure { margin: 0; overflow-x: auto }
figure svg { display: block; margin: 0 auto; max-width: 100%; height: auto }
section { position: sticky; bottom: 0; padding: .5rem 0; background: Canvas }
output { display: block; min-height: 3em; margin-bottom: .5rem; text-align: center; overflow-wrap: anywhere }
nav { display: flex; gap: .5rem; align-items: center; flex-wrap: wrap }
nav[hidden] { display: none }
button { font: inherit; min-height: 2.75rem; min-width: 2.75rem }
input { flex: 1 1 12rem; min-height: 2.75rem }
.plot svg { font-size: 14px; fill: currentColor; stroke: none }
.plot polyline { fill: none; stroke: currentColor; stroke-width: 1.5 }
.plot line { stroke: #767676 }
figcaption { text-align: center }
.numbers { display: flex; flex-wrap: wrap; align-items: start; gap: 1rem 2rem }
.numbers table { border-collapse: collapse; font-variant-numeric: tabular-nums }
.numbers th, .numbers td { text-align: right; font-weight: normal; padding: 0 0 0 .7em }
.numbers tbody td, .numbers thead th { min-width: 6.6em }
.numbers th[scope] { text-align: left; padding: 0; min-width: 2em }
.numbers thead { color: #767676 }
@media (max-width: 40rem) { figure:not(.plot) svg { max-width: none } }
"""


def page(
    svg: str,
    captions: Sequence[str],
    seconds: float,
    title: str,
    lang: str = "en",
    changes: Sequence[Sequence[Any]] = (),
    below: str = "",
) -> str:
    """Return the page of a picture.

    Args:
        svg: the picture; what has the class "t3-7" is visible from step 3 up to, but not including, step 7.
        captions: a sentence for every step.
        seconds: how long a step is shown while the page plays.
        title: the title of the page.
        lang: the language of the controls.
        changes: what else changes: a CSS selector, an attribute, or "" for the text, and its value at each
            step, or a single one for all.
        below: HTML that stands below the controls.
    """
    import re
    from importlib.resources import files

    script = files("tinygrad_edu.see.draw").joinpath("player.js").read_text(encoding="utf-8")
    # Under a strict policy a style attribute is an error in the console: the page has a rule for the picture.
    bare = re.sub(r' style="[^"]*"', "", svg)
    inner = re.findall(r"<style>(.*?)</style>\n?", bare, flags=re.DOTALL)
    style = STYLE + "".join(map(html.unescape, inner))
    captions_data, changes_data = (
        json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        for data in (captions, changes)
    )
    body = BODY.format(
        seconds=seconds,
        last=len(captions) - 1,
        svg=re.sub(r"<style>.*?</style>\n?", "", bare, flags=re.DOTALL),
        captions=captions_data,
        changes=changes_data,
        below=below,
        **{key: html.escape(say(key, lang)) for key in WORDS},
    )
    return sealed(body, script, style, title, lang)
