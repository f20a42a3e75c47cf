"""The engine: the table of operations, Value and its passes, derivatives. Start with rules.py, op.py, value.py."""
