"""What changed between two reports, or two lock files. Nothing is judged again."""
