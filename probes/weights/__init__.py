"""How the weights of a network are held: as matrices, or by what was asked of them."""
