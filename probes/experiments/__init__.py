"""The experiments: each turns a group of trials into one positive number per observable."""
