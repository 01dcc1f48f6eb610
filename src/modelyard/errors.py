"""Every error that Modelyard raises on purpose, and what each one carries.

::

    ModelyardError                .code  .hint
     |- UsageError                the call, a flag or an argument is wrong
     |   |- ConfigError           modelyard.toml is wrong                   .key
     |   |- UnknownPluginError    no plugin has that name                   .family .name
     |   `- MissingExtraError     a library is not installed                .extra
     |- ContractError             the input does not fit the contract       .column .row .got
     |                                                                      .expected
     |- ExportError               a model cannot become a bundle            .flavor
     |   `- PickleRefusedError    the file would run code when read         .path
     |- BundleError               the bundle cannot be read                 .file
     |   |- ManifestError         bundle.json is malformed                  .file
     |   `- IntegrityError        bytes differ from what the manifest says  .file
     |- PredictError              the model failed on rows that fit         .model
     |- RequestError              a request to a server cannot be read
     |   `- TooLargeError         a body or a batch is over the server's limit  .limit
     |- NotReadyError             a model is routed, and not loaded         .model
     |- ServeError                a server did not start, or died
     |- GateFailedError           a gate said fail                          .verdicts
     |- InconclusiveError         a gate's data cannot tell                 .evidence
     |- StoreError                bytes could not be kept or found          .digest
     `- RegistryError             the registry refuses                      .subject
         |- NotFoundError         no such name, version, alias              .subject
         |- ConflictError         somebody else moved first                 .subject
         `- PolicyError           a promotion lacks what its policy asks    .subject .lacking

An error says what is wrong, with what, and (``hint``) what to do next.  ``code`` is stable:
clients and scripts may test it.  How a class maps to an HTTP status or an exit code is decided
at the edge (serve/, app/), not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class ModelyardError(Exception):
    """The base of every error that Modelyard raises on purpose.

    Args:
        message: What is wrong, and with what.
        hint: What to do next; empty where there is nothing to advise.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UsageError(ModelyardError):
    """The call, a flag or an argument is wrong."""

    code = "usage"


class ConfigError(UsageError):
    """``modelyard.toml`` is wrong at ``key``."""

    code = "config"

    def __init__(self, message: str, *, key: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.key = key


class UnknownPluginError(UsageError):
    """No plugin of ``family`` has the ``name``.

    Example:
        >>> raise UnknownPluginError("gates", "latencey", known=["latency", "size"])
        Traceback (most recent call last):
        modelyard.errors.UnknownPluginError: no gates plugin is called 'latencey'
          hint: choose one of: latency, size
    """

    code = "unknown_plugin"

    def __init__(self, family: str, name: str, *, known: Iterable[str]) -> None:
        super().__init__(
            f"no {family} plugin is called {name!r}",
            hint="choose one of: " + ", ".join(sorted(known)),
        )
        self.family = family
        self.name = name


class MissingExtraError(UsageError):
    """A library that this step needs is not installed; ``extra`` brings it."""

    code = "missing_extra"

    def __init__(self, library: str, *, extra: str) -> None:
        super().__init__(f"{library} is not installed", hint=f"pip install 'modelyard[{extra}]'")
        self.extra = extra


class ContractError(ModelyardError):
    """An input does not fit the input contract.

    Args:
        message: The whole sentence; it names column and row where they are known.
        column: The column at fault, or None where the fault is in the whole table.
        row: The row at fault, counted from 0, or None where the fault is in the whole column.
        got: What came, shortened.
        expected: What the contract asks for.
    """

    code = "contract"

    def __init__(
        self,
        message: str,
        *,
        column: str | None = None,
        row: int | None = None,
        got: str = "",
        expected: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.column = column
        self.row = row
        self.got = got
        self.expected = expected


class ExportError(ModelyardError):
    """A model cannot become a bundle by ``flavor``."""

    code = "export"

    def __init__(self, message: str, *, flavor: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.flavor = flavor


class PickleRefusedError(ExportError):
    """The file would run code when it is read; it is refused unread."""

    code = "pickle_refused"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is a pickle (or joblib) file; reading it could run any code it carries,"
            " so Modelyard never does",
            flavor="",
            hint="convert it once, where you trust it:\n"
            "    import joblib, modelyard\n"
            f"    model = joblib.load({path!r})\n"
            "    modelyard.build(model, sample, name='...')",
        )
        self.path = path


class BundleError(ModelyardError):
    """A bundle cannot be read; ``file`` is the path inside it, or empty."""

    code = "bundle"

    def __init__(self, message: str, *, file: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.file = file


class ManifestError(BundleError):
    """``bundle.json`` is malformed."""

    code = "manifest"


class IntegrityError(BundleError):
    """The bytes of ``file`` are not those that the manifest names."""

    code = "integrity"


class PredictError(ModelyardError):
    """A model failed on rows that fit its contract."""

    code = "predict"

    def __init__(self, message: str, *, model: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.model = model


class RequestError(ModelyardError):
    """A request to a server cannot be read: no JSON, not the shape that the protocol asks for."""

    code = "bad_request"


class TooLargeError(RequestError):
    """A body has more bytes, or a batch more rows, than ``limit``."""

    code = "too_large"

    def __init__(self, message: str, *, limit: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.limit = limit


class NotReadyError(ModelyardError):
    """A model is routed, but no version of it is loaded (yet)."""

    code = "not_ready"

    def __init__(self, message: str, *, model: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.model = model


class ServeError(ModelyardError):
    """A server did not start, or died."""

    code = "serve"


class GateFailedError(ModelyardError):
    """At least one gate said fail; ``verdicts`` are all of them."""

    code = "gate_failed"

    def __init__(self, message: str, *, verdicts: Sequence[object], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.verdicts = tuple(verdicts)


class InconclusiveError(ModelyardError):
    """The data cannot tell, and the gate answers so; ``evidence`` is what was seen of them."""

    code = "inconclusive"

    def __init__(
        self, message: str, *, evidence: Mapping[str, object] | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.evidence = dict(evidence or {})


class StoreError(ModelyardError):
    """Bytes could not be kept or found; ``digest`` names them where known."""

    code = "store"

    def __init__(self, message: str, *, digest: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.digest = digest


class RegistryError(ModelyardError):
    """The registry refuses; ``subject`` is the reference it is about."""

    code = "registry"

    def __init__(self, message: str, *, subject: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.subject = subject


class NotFoundError(RegistryError):
    """No such name, version, alias or environment."""

    code = "not_found"


class ConflictError(RegistryError):
    """Somebody else moved the alias or environment first."""

    code = "conflict"


class PolicyError(RegistryError):
    """A promotion lacks verdicts that the environment's policy asks for."""

    code = "policy"

    def __init__(
        self, message: str, *, subject: str, lacking: Iterable[str] = (), hint: str = ""
    ) -> None:
        super().__init__(message, subject=subject, hint=hint)
        self.lacking = tuple(lacking)
