"""What every room uses: text in one line, names that come near, checks of numbers, files written atomically."""
