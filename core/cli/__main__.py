"""``python -m qnas.core.cli`` is ``qnas``."""

from qnas.core.cli.main import main

main()
