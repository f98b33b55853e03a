"""Make the tables of README.md and docs anew: ``python -m tools.tables``. Imports ``verify``."""

from verify.documents.checkout import source_checkout, write_files
from verify.documents.tables import all_records, renewed_pages

if __name__ == "__main__":
    root = source_checkout()
    write_files(renewed_pages(root, all_records(root)))
