"""What every room uses: text in one line, near names, checks of numbers, files written atomically."""

__version__ = "0.2.0"
