"""What changed between two runs: the document and its renderers."""
