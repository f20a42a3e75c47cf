"""How a picture looks: its size, its letters, its numbers and its colours."""

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Literal

from tinygrad_edu._common.checks import is_number, whole
from tinygrad_edu._common.text import one_line
from tinygrad_edu.see.draw.dot import subscripted

SIZES = {"slide": (1280.0, 720.0), "a4": (1123.0, 794.0)}
"""Sizes by name, in pixels of the web, of which an inch has 96: a slide of 16:9, a landscape page."""


NO_SYMBOLS: Mapping[str, str] = MappingProxyType({})


class Style:
    """How a picture looks.

    Args:
        size: "slide" (16:9), "a4" (a landscape page), or a width and a height in pixels of the web, of which
            an inch has 96: the picture fills it, and in the figure of a network the numbers of a box stand
            below each other where that makes the letters larger. If None, the picture has its natural size.
        font_size: of the letters in boxes, in pixels of the web; on lines they may be a twelfth smaller. In
            a ``size`` that is too small for them they shrink. If None, 12 (in the figure of a network 13),
            and in a ``size`` as large as it allows.
        digits: how many decimals a number has in the figure of a network; a derivation and any other picture
            has two significant digits more. If None, 4, and on a slide 3.
        theme: "screen" follows the light or dark theme of the reader; "print" is black, white and grey.
        symbols: how names are written, as in ``{"hidden": "h", "w5": "w₁₁⁽²⁾"}``. Without it, and for all
            other names: a final number as a subscript, and the Greek letter that a name spells.

    Raises:
        ValueError: if one of them is not possible.

    >>> Style(size="slide")
    Style(size=(1280.0, 720.0), font_size=None, digits=3, theme='screen', symbols={})
    >>> Style(symbols={"hidden": "h"}).written("hidden·w_2 + theta")
    'h·w₂ + θ'
    """

    def __init__(
        self,
        size: Literal["slide", "a4"] | tuple[float, float] | None = None,
        *,
        font_size: float | None = None,
        digits: int | None = None,
        theme: Literal["screen", "print"] = "screen",
        symbols: Mapping[str, str] = NO_SYMBOLS,
    ) -> None:
        self.size = _size(size)
        if font_size is not None and not (is_number(font_size) and 1 <= font_size <= 1000):
            raise ValueError(f"font_size={font_size!r}: the letters have 1 to 1000 pixels")
        self.font_size = font_size
        if digits is None:
            digits = 3 if isinstance(size, str) and size == "slide" else 4
        self.digits = whole("digits", digits, least=1)
        if self.digits > 15:
            raise ValueError(f"digits={digits!r}: a float has no more than 15 or 16")
        if theme not in ("screen", "print"):
            raise ValueError(f"theme={theme!r} is not known: use 'screen' or 'print'")
        self.theme = theme
        if not isinstance(symbols, Mapping) or not all(
            isinstance(text, str) and text.strip() for text in chain.from_iterable(symbols.items())
        ):
            raise ValueError(f"symbols={symbols!r}: give a symbol for each name, as in {{'hidden': 'h'}}")
        self.symbols = {one_line(name): one_line(symbol) for name, symbol in symbols.items()}

    @property
    def significant(self) -> int:
        """How many significant digits a number has outside the boxes of a figure."""
        return self.digits + 2

    def written(self, text: str) -> str:
        """Return names, or a formula, with the symbols of the style."""
        return subscripted(text, self.symbols)

    def __repr__(self) -> str:
        looks = f"digits={self.digits!r}, theme={self.theme!r}, symbols={self.symbols!r}"
        return f"Style(size={self.size!r}, font_size={self.font_size!r}, {looks})"


def expect_style(style: object) -> None:
    """Raise a TypeError unless it is a Style, such as for the name of a theme."""
    if not isinstance(style, Style):
        raise TypeError(f"style is a Style, as in Style(theme='print'), not {style!r:.40}")


def _size(size: object) -> tuple[float, float] | None:
    if size is None:
        return None
    if isinstance(size, str) and size in SIZES:
        return SIZES[size]
    if isinstance(size, tuple | list) and len(size) == 2:
        width, height = size
        if is_number(width) and is_number(height) and 0 < width <= 20_000 and 0 < height <= 20_000:
            return float(width), float(height)
    raise ValueError(f"size={size!r} is not known: use 'slide', 'a4', or pixels, as in (800, 600)")


def size_of(text: str) -> str | tuple[float, float]:
    """Return a size that is typed as a word, such as slide, or as 800x600.

    >>> size_of("slide"), size_of("800x600")
    ('slide', (800.0, 600.0))
    """
    width, times, height = text.lower().replace("×", "x").partition("x")
    try:
        return (float(width), float(height)) if times else text
    except ValueError:
        return text


NATURAL = Style()
"""The style of a picture for which none is given."""
