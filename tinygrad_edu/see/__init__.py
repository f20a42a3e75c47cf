"""What a reader sees of a graph: formulas, explanations, pictures and animations."""
