"""``python -m qnas`` is ``qnas``; ``torchrun`` starts it by this name."""

from qnas.core.cli.main import main

main()
