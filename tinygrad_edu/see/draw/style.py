"""How a picture looks: its size, its letters, its numbers and its colours."""

from typing import Literal

from tinygrad_edu._common.checks import is_number, whole

SIZES = {"slide": (1280.0, 720.0), "a4": (1123.0, 794.0)}
"""Sizes by name, in pixels of the web, of which an inch has 96: a slide of 16:9, a landscape page."""


class Style:
    """How a picture looks.

    Args:
        size: "slide" (16:9), "a4" (a landscape page), or a width and a height in pixels of the web, of which
            an inch has 96: the picture fills it. If None, the picture has its natural size.
        font_size: of the letters, in pixels of the web, in a picture of natural size.
        digits: how many decimals a number has in the figure of a network; a derivation and any other picture
            has two significant digits more. With fewer digits the letters on a slide are larger.
        theme: "screen" follows the light or dark theme of the reader; "print" is black, white and grey.

    Raises:
        ValueError: if one of them is not possible.

    >>> Style(size="slide", digits=3)
    Style(size=(1280.0, 720.0), font_size=13, digits=3, theme='screen')
    """

    def __init__(
        self,
        size: Literal["slide", "a4"] | tuple[float, float] | None = None,
        *,
        font_size: float = 13,
        digits: int = 4,
        theme: Literal["screen", "print"] = "screen",
    ) -> None:
        self.size = _size(size)
        if not is_number(font_size) or not 1 <= font_size <= 1000:
            raise ValueError(f"font_size={font_size!r}: the letters have 1 to 1000 pixels")
        self.font_size = font_size
        self.digits = whole("digits", digits, least=1)
        if self.digits > 15:
            raise ValueError(f"digits={digits!r}: a float has no more than 15 or 16")
        if theme not in ("screen", "print"):
            raise ValueError(f"theme={theme!r} is not known: use 'screen' or 'print'")
        self.theme = theme

    @property
    def significant(self) -> int:
        """How many significant digits a number has outside the boxes of a figure."""
        return self.digits + 2

    def __repr__(self) -> str:
        letters = f"font_size={self.font_size!r}, digits={self.digits!r}"
        return f"Style(size={self.size!r}, {letters}, theme={self.theme!r})"


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
