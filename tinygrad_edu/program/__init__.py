"""A recorded graph as a program: run again with other numbers, differentiated, in other languages."""
