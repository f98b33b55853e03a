"""Does somebody's own network scale? Its exponents, what is wrong, and a lock against changes."""
