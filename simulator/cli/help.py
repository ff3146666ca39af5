"""``shardsim help``: a key of a scenario explained, or the help of a command."""

import click
from click.shell_completion import CompletionItem

from simulator.cli import answers, grouped


def _keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from simulator.scenario.keys import explained

    asked = dict.fromkeys(key.asked for part in explained.all_parts() for key in part.keys)
    return [CompletionItem(key) for key in asked if key.startswith(incomplete)]


@grouped.command("help")
@click.argument("wanted", required=False, metavar="[KEY]", shell_complete=_keys)
@click.pass_context
def command(ctx: click.Context, wanted: str | None) -> None:
    """Explain a key of a scenario: what it says, takes and defaults to, with an example.

    KEY is its place, like stages.routing or load.rate; its kind and name, like lognormal.cv; or its name alone.
    Without KEY all keys are listed. The name of a command prints that command's help.
    """
    from simulator.report import keys
    from simulator.scenario.keys import explained
    from simulator.scenario.not_modelled import not_modelled

    if wanted is None:
        click.echo(keys.listed(explained.all_parts(), answers.text_width()), nl=False)
        return
    found = explained.find_keys(wanted)
    group = ctx.find_root().command
    named = group.get_command(ctx, wanted) if isinstance(group, click.Group) else None
    if found:
        click.echo(keys.explained(found, answers.text_width()), nl=False)
        if named is not None:
            click.echo(f"\nThe command: shardsim {wanted} --help")
    elif named is not None:
        with click.Context(named, info_name=wanted, parent=ctx.find_root()) as of_command:
            click.echo(named.get_help(of_command))
    elif not_modelled(wanted):
        raise click.UsageError(f"{not_modelled(wanted)} is not modelled in this version: {wanted!r} is no key")
    else:
        near = explained.near_keys(wanted)
        hint = f"Did you mean {', '.join(near)}?" if near else "'shardsim help' lists all keys."
        raise click.UsageError(f"no key is called {wanted!r}. {hint}")
