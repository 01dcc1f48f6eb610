"""What an engine must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from modelyard.core.manifest import Manifest
    from modelyard.core.table import Array


class Engine(ABC):
    """Runs one bundle's model; used by several threads at once."""

    requires: ClassVar[tuple[str, ...]] = ()
    """Distributions that it needs beyond those that every runtime needs; they are locked too."""

    @classmethod
    @abstractmethod
    def load(cls, read: Callable[[str], bytes], manifest: Manifest) -> Self:
        """Make the model ready to run.

        Nothing that a bundle carries may be executed here: only data are read.

        Args:
            read: Gives the verified bytes of a file of the bundle; no other file may be opened.
            manifest: What the bundle says of itself; ``manifest.model`` is the file to begin with.

        Raises:
            BundleError: if the model's bytes are no model that this engine runs, or refer to
                anything outside of themselves.
        """

    @abstractmethod
    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute the outputs of some rows, at least one.

        Args:
            feeds: tensor name -> array, first axis the rows, as ``manifest.feeds`` describes them.

        Returns:
            Output name, as in the contract -> array, first axis the rows.

        Any exception means that the model failed on these rows; the caller gives it a name.
        """
