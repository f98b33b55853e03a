"""What happens to files."""


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]
