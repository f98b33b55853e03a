"""What a guard found, as a document and in the forms that people read. Imports ``theory`` only."""
