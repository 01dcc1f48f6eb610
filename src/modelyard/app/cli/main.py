"""``modelyard``: finds the verb, runs it, and turns errors into sentences and exit codes.

Exit codes: 0 done; 1 a gate failed or a promotion lacks what its policy asks, or a check found
something; 2 wrong usage or another error.
"""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from modelyard import __version__
from modelyard.app.cli.faults import drop_output, print_error
from modelyard.core.late import import_late
from modelyard.errors import (
    GateFailedError,
    IntegrityError,
    ModelyardError,
    PolicyError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS = {
    "init": "Start a project that runs: training, gates, settings.",
    "build": "Make a bundle of a trained model.",
    "check": "Let the gates judge a bundle.",
    "register": "Give a bundle a name and a version.",
    "promote": "Let a version run in an environment.",
    "rollback": "Go back to the version before.",
    "models": "List models and versions.",
    "show": "Show all there is to know of a version.",
    "diff": "Compare two versions.",
    "serve": "Answer predictions over HTTP.",
    "predict": "Answer the rows of a file.",
    "verify": "Prove that every byte of a bundle is as its digest says.",
    "doctor": "Look for what is wrong with this machine or project.",
}
"""Verb -> the first sentence of its docstring, so that help imports no verb."""


_INTERRUPTED = 130  # as a shell says of a command that Ctrl-C ended


class Verbs(TyperGroup):
    """The verbs, each imported when it is run and not before."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # the group's signature
        """Verbs in the order of a model's life."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # the same
        """Stand for a verb in help."""
        sentence = VERBS.get(cmd_name)
        return None if sentence is None else TyperCommand(cmd_name, help=sentence)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Import the verb that is run.

        Raises:
            UsageError: if there is none of that name; it tells the nearest one.
        """
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f"did you mean {near[0]}?" if near else "modelyard --help lists the verbs"
            raise UsageError(f"there is no verb {args[0][:60]!r}", hint=hint)
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, stand_in and load_verb(str(stand_in.name)), rest


def load_verb(name: str) -> Any:
    """Import one verb and make it a command.

    Raises:
        MissingExtraError: if it needs a library that is not installed.
    """
    module = import_late(f"modelyard.app.cli.{name}")
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(getattr(module, name))
    return get_command(app)


app = typer.Typer(cls=Verbs, add_completion=False, no_args_is_help=True, rich_markup_mode=None)


def _print_version(value: bool) -> None:  # noqa: FBT001  # typer calls it so
    if value:
        typer.echo(f"modelyard {__version__}")
        raise typer.Exit


@app.callback()
def _modelyard(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Take a trained model to production, and keep it right there.

    A model becomes a bundle, gates judge it, the registry names it, and the server answers with
    it: `init`, `build`, `check`, `register`, `promote`, `serve`.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code.

    Args:
        arguments: The words after ``modelyard``; those of the process if None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(words))


def run(words: list[str]) -> int:
    """Run the command.

    Returns:
        The exit code.
    """
    json = "--json" in words
    try:
        code = app(args=words, prog_name="modelyard", standalone_mode=False)
        sys.stdout.flush()
    except ModelyardError as e:
        _print_trace()
        print_error(e, json=json)
        return 1 if isinstance(e, (GateFailedError, IntegrityError, PolicyError)) else 2
    except typer.Abort:
        return _INTERRUPTED
    except (BrokenPipeError, SystemExit) as e:
        return _left(e)
    except Exception as e:  # noqa: BLE001  # whatever it was, nobody is shown a trace unasked
        _print_trace()
        _tell(e, json=json)
        return 2
    return code if isinstance(code, int) else 0


def _left(error: BrokenPipeError | SystemExit) -> int:
    """The exit code of a command that left early; it is well where only the reader has gone."""
    # Typer and rich turn a broken pipe into an exit with 1, which has a meaning of its own here.
    if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
        return error.code if isinstance(error.code, int) else 2
    drop_output()
    return 0


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        drop_output()


def _tell(error: Exception, *, json: bool) -> None:
    """Tell an error that is not ours: wrong words as typer tells them, the system's, or a fault."""
    # Typer's classes come from click or from typer itself, as its release has it.
    sentence, show = (getattr(error, name, None) for name in ("format_message", "show"))
    if isinstance(error, OSError) and error.strerror:
        hint = "look at free space, limits and rights, then do it again"
        print_error(ModelyardError(f"the system refuses: {error.strerror}", hint=hint), json=json)
        _flush()
    elif sentence is None or show is None:
        hint = "this is a fault of Modelyard; MODELYARD_DEBUG=1 shows where it happened"
        print_error(ModelyardError(f"{type(error).__name__}: {error}", hint=hint), json=json)
    elif json:
        print_error(UsageError(sentence(), hint="--help tells what there is"), json=True)
    else:
        show()


def _print_trace() -> None:
    if os.environ.get("MODELYARD_DEBUG"):
        traceback.print_exc()
