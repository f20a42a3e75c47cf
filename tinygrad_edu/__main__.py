"""``python -m tinygrad_edu`` runs the command ``tinygrad-edu``."""

import sys

from tinygrad_edu.commands import main

if __name__ == "__main__":
    sys.exit(main())
