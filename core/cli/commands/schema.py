"""``qnas schema``: the JSON Schema of a spec."""

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of a spec, for editors."""
    import json

    from qnas.core.spec import Spec

    click.echo(json.dumps(Spec.model_json_schema(), indent=2))
