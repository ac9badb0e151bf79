"""A report: explains a run that is done."""

from pydantic import NonNegativeInt

import qnas

FILE = "report.md"


class MyReport(qnas.Report):
    """A table of the scores in Markdown.

    Attributes:
        digits: Decimal places of PSNR.
    """

    digits: NonNegativeInt = 2

    def write(self, folder: qnas.RunFolder) -> str:
        """See :meth:`qnas.Report.write`."""
        result = folder.read_json("result.json")
        lines = [
            "| test set | PSNR Y | bicubic |",
            "| --- | --- | --- |",
            *(
                f"| {name} | {self._psnr(scores)} | {self._psnr(scores['bicubic'])} |"
                for name, scores in result["test"].items()
            ),
        ]
        folder.write_text(FILE, "\n".join(lines) + "\n")
        return FILE

    def _psnr(self, scores: dict[str, float]) -> str:
        return f"{scores['psnr_y']:.{self.digits}f} dB"
