"""Commands whose wrong usage ends with 64 (EX_USAGE of sysexits.h), as 1 and 2 say something else of them."""

from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

USAGE = 64
# typer carries a click of its own, in which this class has no public name.
_UsageError: type[Exception] = cast("type[Exception]", typer.BadParameter.__base__)


class UsageCommand(TyperCommand):
    """A command whose wrong usage ends with 64."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command line, and let the program end with 64 if they are wrong."""
        try:
            return super().parse_args(ctx, args)
        except _UsageError as wrong:
            vars(wrong)["exit_code"] = USAGE
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command, which may find that its words do not go together."""
        try:
            return super().invoke(ctx)
        except _UsageError as wrong:
            vars(wrong)["exit_code"] = USAGE
            raise


class UsageGroup(TyperGroup):
    """A family of commands that has no such one, or is asked wrongly, ends with 64."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words up to the command's name."""
        try:
            return super().parse_args(ctx, args)
        except _UsageError as wrong:
            vars(wrong)["exit_code"] = USAGE
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is named."""
        try:
            return super().resolve_command(ctx, args)
        except _UsageError as wrong:
            vars(wrong)["exit_code"] = USAGE
            raise


class ListingGroup(UsageGroup):
    """A family whose command `list` is meant where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words, with `list` before them where they begin with an option of its."""
        is_named = bool(args) and (not args[0].startswith("-") or args[0] == "--help")
        return super().parse_args(ctx, args if is_named else ["list", *args])
