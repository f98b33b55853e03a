"""What a campaign asks, looks at and answers. Imports ``theory`` and ``verify``; never torch."""
