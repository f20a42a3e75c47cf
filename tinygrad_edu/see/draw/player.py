"""A page that plays a picture step by step: one HTML file that loads nothing and runs only its own script."""

import html
import json
from collections.abc import Sequence

from tinygrad_edu.see.page import sealed

BODY = """\
<figure data-seconds="{seconds:g}" data-last="{last}">
{svg}
</figure>
<output aria-live="polite"></output>
<nav hidden aria-label="Steps">
<button data-control="first" aria-label="First step">|◀</button>
<button data-control="back" aria-label="One step back">◀</button>
<button data-control="play">play</button>
<button data-control="forth" aria-label="One step forth">▶</button>
<button data-control="last" aria-label="Last step">▶|</button>
<input data-control="scrub" type="range" min="0" max="{last}" value="0" aria-label="Step">
</nav>
<noscript><p>The last picture. Its steps need JavaScript.</p></noscript>
<script type="application/json" id="captions">{captions}</script>"""

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 72rem; margin: 0 auto; padding: 1rem }
figure { margin: 0; overflow-x: auto }
figure svg { display: block; margin: 0 auto; max-width: 100%; height: auto }
output { display: block; min-height: 3em; margin: .5rem 0; text-align: center; overflow-wrap: anywhere }
nav { display: flex; gap: .5rem; align-items: center; flex-wrap: wrap }
nav[hidden] { display: none }
button { font: inherit; min-height: 2.75rem; min-width: 2.75rem }
input { flex: 1 1 12rem; min-height: 2.75rem }
@media (max-width: 40rem) { figure svg { max-width: none } }
"""


def page(svg: str, captions: Sequence[str], seconds: float, title: str) -> str:
    """Return the page of a picture.

    Args:
        svg: the picture; what has the class "t3-7" is visible from step 3 up to, but not including, step 7.
        captions: a sentence for every step.
        seconds: how long a step is shown while the page plays.
        title: the title of the page.
    """
    import re
    from importlib.resources import files

    script = files("tinygrad_edu.see.draw").joinpath("player.js").read_text(encoding="utf-8")
    # Under a strict policy a style attribute is an error in the console: the page has a rule for the picture.
    bare = re.sub(r' style="[^"]*"', "", svg)
    inner = re.findall(r"<style>(.*?)</style>\n?", bare, flags=re.DOTALL)
    style = STYLE + "".join(map(html.unescape, inner))
    data = json.dumps(list(captions), ensure_ascii=False).replace("<", "\\u003c")
    body = BODY.format(
        seconds=seconds,
        last=len(captions) - 1,
        svg=re.sub(r"<style>.*?</style>\n?", "", bare, flags=re.DOTALL),
        captions=data,
    )
    return sealed(body, script, style, title)
