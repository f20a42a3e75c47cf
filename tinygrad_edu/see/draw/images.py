"""SVG to PNG, PDF, GIF and HTML, on machines with neither fonts nor Graphviz installed.

The font is Arimo, from the package fontpkg-arimo. It has the widths of Helvetica, which the layout
assumes, and every character that a picture needs, such as ∂ × − – and ₀ to ₉. A label may have others:
for a PNG they come from the fonts of the machine, a PDF has Arimo alone. What cannot be shown is refused.
"""

import html
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from unicodedata import bidirectional, name

from tinygrad_edu.see.draw import theme
from tinygrad_edu.see.draw.render import NoEngineError

FONT = "Arimo"
GIF_SECONDS = 0.02, 655.35  # the format counts hundredths in 16 bits, and browsers play 0.01 as 0.1
MOST_PIXELS = 100_000_000  # 400 MB while a picture is made


def png(svg: str, dpi: float = 96, transparent: bool = False) -> bytes:
    """Return a picture as PNG.

    Args:
        svg: the picture; its width and height are in pixels of the web, of which an inch has 96.
        dpi: dots per inch; also written into the file, so that programs show it in its true size.
        transparent: leave out the white background.

    Raises:
        ValueError: if ``dpi`` is not positive, or makes the picture larger than memory allows; or if no font
            of the machine has a sign of the picture.
        NoEngineError: if the extra "images" is not installed.
    """
    with _extra("png"):
        image = _raster(svg, dpi, transparent)
    content = io.BytesIO()
    image.save(content, "png", dpi=(dpi, dpi))
    return content.getvalue()


def gif(frames: Sequence[str], seconds: Sequence[float], dpi: float = 96) -> bytes:
    """Return pictures as a GIF that plays again and again.

    Args:
        frames: the pictures as SVG, all of one size.
        seconds: how long each is shown.
        dpi: dots per inch.

    Raises:
        ValueError: if a GIF cannot hold a duration, and as for ``png``.
        NoEngineError: as for ``png``.
    """
    shortest, longest = GIF_SECONDS
    for duration in seconds:
        if not shortest <= duration <= longest:
            raise ValueError(
                f"a GIF shows a picture for {shortest} to {longest} seconds, not for {duration:g}"
            )
    with _extra("gif"):
        from PIL import Image

        palette = Image.new("P", (1, 1))
        palette.putpalette([channel for color in _palette() for channel in color])
        first, *others = [
            _raster(frame, dpi).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
            for frame in frames
        ]
    content = io.BytesIO()
    milliseconds = [round(1000 * duration) for duration in seconds]
    first.save(content, "gif", save_all=True, append_images=others, duration=milliseconds, loop=0)
    return content.getvalue()


def _palette() -> list[tuple[int, ...]]:
    """Return white, the colours of the theme, and what lies between them at smoothed edges."""
    inks = [theme.POSITIVE, theme.NEGATIVE, theme.ACTIVE, theme.TEXT, theme.LINE]
    inks += [theme.FAINT_TEXT, theme.FAINT_LINE]
    distinct: dict[tuple[int, ...], tuple[int, ...]] = {}
    for share in (0, 1, *(i / 20 for i in range(1, 20))):
        for ink in inks:
            color = tuple(round(255 + (channel - 255) * share) for channel in bytes.fromhex(ink[1:]))
            # Of colours that look alike only one: Pillow compares colours with this precision.
            distinct.setdefault(tuple(channel >> 3 for channel in color), color)
    return list(distinct.values())


def pdf(svg: str) -> bytes:
    """Return a picture as PDF of one page, of the picture's size; its text can be selected.

    Raises:
        ValueError: if the font has not every sign of the picture, or one is written from right to left.
        NoEngineError: if the extra "images" is not installed.
    """
    with _extra("pdf"):
        from reportlab.graphics import renderPDF
        from reportlab.pdfgen.canvas import Canvas
        from svglib.svglib import svg2rlg

        _give_reportlab_the_font()
    for sign in _text(svg):
        if ord(sign) not in _covered() or bidirectional(sign) in ("R", "AL"):
            raise ValueError(f"a .pdf cannot show {_called(sign)} with the font {FONT}: save as .png or .svg")
    without_style = re.sub(r'(<svg [^>]*) style="[^"]*"', r"\1", _in_font(svg), count=1)  # svglib takes no %
    drawing: Any = svg2rlg(io.BytesIO(without_style.encode()))
    content = io.BytesIO()
    # invariant: without the date, for the same bytes every time
    canvas = Canvas(content, pagesize=(drawing.width, drawing.height), invariant=True)
    renderPDF.draw(drawing, canvas, 0, 0)
    canvas.save()
    return content.getvalue()


def page(svg: str) -> bytes:
    """Return a picture as an HTML page that stands alone and follows the reader's light or dark theme."""
    text = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The graph of a computation</title>
<style>
:root {{ color-scheme: light dark }}
svg {{ max-width: 100%; height: auto }}
</style>
{svg}</html>
"""
    return text.encode()


def _raster(svg: str, dpi: float, transparent: bool = False) -> Any:
    """Return a picture as an image of Pillow."""
    _check_size(svg, dpi)
    from PIL import Image

    others = [sign for sign in _text(svg) if ord(sign) not in _covered()]
    for sign in others:
        if _is_missing(sign):
            advice = "save as .svg, or install a font that has it"
            raise ValueError(f"no font of this machine shows {_called(sign)}: {advice}")
    return Image.open(io.BytesIO(_drawn(_in_font(svg), dpi / 96, transparent, bool(others))))


def _drawn(svg: str, zoom: float, transparent: bool, is_beyond_arimo: bool) -> bytes:
    import resvg_py

    pixels: bytes = resvg_py.svg_to_bytes(
        svg_string=svg,
        dpi=96,
        zoom=zoom,
        background=None if transparent else "white",
        font_files=[_font_file()],
        # The fonts of the machine are used only for what Arimo lacks, such as a label in Chinese.
        skip_system_fonts=not is_beyond_arimo,
    )
    return pixels


@cache
def _is_missing(sign: str) -> bool:
    """Return whether a sign is drawn as a box in its place, as is a code that is no character."""
    text = f'<text x="5" y="25" font-size="20" font-family="{FONT}">{{}}</text>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">{text}</svg>'
    return _drawn(svg.format(sign), 1, False, True) == _drawn(svg.format("\U0001ffff"), 1, False, True)


@cache
def _covered() -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(_font_file()) as font:
        return frozenset(font.getBestCmap())


def _called(sign: str) -> str:
    return f"{sign} ({name(sign, f'U+{ord(sign):04X}')})"


@cache
def _give_reportlab_the_font() -> None:
    """Register both weights of the font. The bold one is made here: reportlab cannot use a variable font."""
    from fontTools.ttLib import TTFont
    from fontTools.varLib.instancer import instantiateVariableFont
    from svglib.svglib import register_font

    register_font(FONT, _font_file())
    bold: Any = io.BytesIO()  # svglib asks for a path, but passes it on to reportlab, which accepts a file
    with TTFont(_font_file(), recalcTimestamp=False) as font:
        for table in ("GDEF", "GPOS", "GSUB"):  # ligatures and the like: they cost time and are not used
            del font[table]
        # reportlab tells fonts apart by the names inside them
        instantiateVariableFont(font, {"wght": 700}, inplace=True, updateFontNames=True)
        font.save(bold)
    bold.seek(0)
    register_font(FONT, bold, weight="bold")


def _font_file() -> str:
    import fontpkg_arimo

    return f"{fontpkg_arimo.ROOT}/files/Arimo[wght].ttf"


@contextmanager
def _extra(format: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise NoEngineError(
            f"a .{format} needs the package {error.name}: "
            "pip install fontpkg-arimo fonttools pillow reportlab resvg-py svglib (a .svg needs none)"
        ) from None


def _in_font(svg: str) -> str:
    return re.sub(r'font-family="[^"]*"', f'font-family="{FONT}"', svg)


def _text(svg: str) -> str:
    """Return all text of a picture."""
    return html.unescape("".join(re.findall(r"<text[^>]*>([^<]*)", svg)))


def _check_size(svg: str, dpi: float) -> None:
    if not dpi > 0:
        raise ValueError(f"dpi={dpi}: the dots per inch must be positive")
    width, height = (float(pixels) for pixels in re.findall(r' (?:width|height)="([\d.]+)"', svg)[:2])
    largest = 96 * (MOST_PIXELS / (width * height)) ** 0.5
    if dpi > largest:
        raise ValueError(f"dpi={dpi} makes this picture too large: at most {largest:.0f} is possible")
