"""An HTML page that loads nothing, and in which only its own script runs."""

import base64
import hashlib
import html

PAGE = """\
<!DOCTYPE html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
<script type="module">{script}</script>
</body>
</html>
"""


def sealed(body: str, script: str, style: str, title: str, lang: str = "en") -> str:
    """Return a page under a policy that allows this style and this script, by their hashes, and nothing else.

    Args:
        body: what stands in the page, without a style attribute: the policy forbids them.
        script: a JavaScript module.
        style: the stylesheet.
        title: the title of the page, as plain text.
        lang: the language of the page.

    >>> "default-src 'none'; style-src 'sha256-" in sealed("<p>Hello</p>", "", "", "A page")
    True
    """
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
    title = html.escape(title)
    return PAGE.format(lang=lang, policy=policy, title=title, style=style, body=body, script=script)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
