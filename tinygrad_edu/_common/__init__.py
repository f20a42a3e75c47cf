"""What every room of the house uses: text, names, checks and files."""

__version__ = "0.1.0"
