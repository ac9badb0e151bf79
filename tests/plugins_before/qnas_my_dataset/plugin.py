"""The hooks of qnas-my-dataset.

Every command of qnas imports them: what takes long to import belongs elsewhere.
"""

import qnas


@qnas.hookimpl
def qnas_register_datasets(register: qnas.Register) -> None:
    """Register the dataset."""
    register(
        "my-dataset",
        "qnas_my_dataset.dataset:MyDataset",
        "Generated stripes",
    )
