"""Families of plugins: members found by name, in a folder or through an entry point."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Generic, TypeVar

from modelyard.errors import MissingExtraError, UnknownPluginError, UsageError

if TYPE_CHECKING:
    from types import ModuleType

Member = TypeVar("Member")
_NOT_MEMBERS = frozenset({"base", "checks", "making"})


class Family(Generic[Member]):
    """All members of one family: the files of its folder, and what others add.

    A member is one file holding one class that is derived from the family's base; the file's name
    is its name in configuration.  Others add members through an entry point whose group is the
    family's package (``modelyard.gates``) and whose value is the module or the class.

    Args:
        package: The family's package, e.g. ``modelyard.gates``.
        base: The class that every member is derived from.
        extra: The extra that brings the libraries of all members; "" where each member has one of
            its own name.
    """

    def __init__(self, package: str, base: type[Member], *, extra: str = "") -> None:
        self.package = package
        self.base = base
        self.extra = extra

    @property
    def label(self) -> str:
        """The family's short name, e.g. ``gates``."""
        return self.package.rpartition(".")[2]

    def built_in(self) -> list[str]:
        """The names of the members that ship with Modelyard."""
        path = importlib.import_module(self.package).__path__
        return sorted(
            module.name
            for module in pkgutil.iter_modules(path)
            if module.name not in _NOT_MEMBERS
            and not module.name.startswith("_")
            and not module.ispkg
        )

    def names(self) -> list[str]:
        """The names of all members, in order, without loading any."""
        return sorted({*self.built_in(), *self._added()})

    def load(self, name: str) -> type[Member]:
        """Load the class of one member.

        Raises:
            UnknownPluginError: if there is none of that name.
            MissingExtraError: if its library is not installed.
            UsageError: if an added member hides a built-in one, or holds no fit class.
        """
        added = self._added().get(name)
        if name in self.built_in():
            if added is not None:
                raise UsageError(
                    f"the entry point {added.value!r} hides the built-in {self.label} {name!r}",
                    hint="give it a name of its own",
                )
            return self._member(
                self._import(f"{self.package}.{name}", extra=self.extra or name), name
            )
        if added is None:
            raise UnknownPluginError(self.label, name, known=self.names())
        found = added.load()
        if inspect.isclass(found) and issubclass(found, self.base):
            return found
        return self._member(found, name)

    def _added(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=self.package)}

    def _import(self, module: str, *, extra: str) -> ModuleType:
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as e:
            if e.name is None or e.name.startswith("modelyard"):
                raise
            raise MissingExtraError(e.name, extra=extra) from e

    def _member(self, module: ModuleType, name: str) -> type[Member]:
        found = [
            value
            for value in vars(module).values()
            if inspect.isclass(value)
            and issubclass(value, self.base)
            and value.__module__ == module.__name__
            and not value.__name__.startswith("_")
        ]
        if len(found) != 1:
            raise UsageError(
                f"the {self.label} plugin {name!r} holds {len(found)} classes derived from"
                f" {self.base.__name__}; it must hold one"
            )
        return found[0]
