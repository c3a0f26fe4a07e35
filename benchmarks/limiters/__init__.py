"""Other limiters behind one small interface, for the comparison."""
