"""What developers run: not shipped. Imports every package."""
