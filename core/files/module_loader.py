"""Loads a module from bytes that are known, whatever its file holds by now."""

from importlib.abc import SourceLoader


class BytesLoader(SourceLoader):
    """Returns given bytes as the file's; reads and writes no compiled files.

    Args:
        content: The module's source.
        path: Its file, for tracebacks.
    """

    def __init__(self, content: bytes, path: str) -> None:
        self._content = content
        self._path = path

    def get_filename(self, fullname: str) -> str:
        """The path of the module's file."""
        del fullname
        return self._path

    def get_data(self, path: str | bytes) -> bytes:
        """The bytes of the module's file.

        Raises:
            OSError: ``path`` is another file.
        """
        if path != self._path:
            raise FileNotFoundError(path)
        return self._content
