"""The table of a front."""

from rich.table import Table

from qnas.core.drawing.wording import decimal, quantity
from qnas.core.run.front import Front


def front_table(front: Front) -> Table:
    """A row for each point: what it costs, and its PSNR on the held-out images at the end of the search."""
    table = Table("front", box=None, pad_edge=False, header_style="bold")
    for name in ("limit", front.cost.title, "PSNR Y, held out"):
        table.add_column(name, justify="right")
    table.add_column("network")
    for row in front.rows:
        costs = (quantity(value, front.cost.sign) for value in (row.limit, row.cost))
        network = f"{row.network}, trained here" if row.is_trained else row.network
        table.add_row(str(row.number), *costs, f"{decimal(row.psnr)} dB", network)
    return table
