"""The table of a comparison in the terminal: a row for each group of seeds."""

from rich.table import Table

from qnas.core.comparison import Comparison


def comparison_table(comparison: Comparison) -> Table:
    """The table, with rows ordered by series and then by the values that vary."""
    table = Table(
        title=comparison.heading,
        box=None,
        pad_edge=False,
        header_style="bold",
        title_justify="left",
        title_style="",
    )
    mark, name, psnr, *figures = comparison.headings
    table.add_column(mark)
    table.add_column(name, overflow="fold", min_width=16)
    table.add_column(psnr, justify="right", no_wrap=True)
    for figure in figures:
        table.add_column(figure, justify="right")
    for cells in comparison.cells:
        table.add_row(*cells)
    return table
