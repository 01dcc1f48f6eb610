"""The Open Inference Protocol, version 2: its JSON bodies, in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

from modelyard.errors import RequestError
from modelyard.serve.jsonvalues import to_json
from modelyard.serve.log import VERSION
from modelyard.serve.strictjson import check_keys, count_keys, decode
from modelyard.serve.tensors import DATATYPE, Tensor, read_columns
from modelyard.serve.version import Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.contract import Column, Contract, Output
    from modelyard.core.table import Array
    from modelyard.serve.version import ServedVersion

Parameters = dict[str, Any] | msgspec.UnsetType | None

_BINARY = ("binary_data", "binary_data_output", "binary_data_size")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One requested output."""

    name: str
    parameters: Parameters = msgspec.UNSET


class InferRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an inference request; keys that the protocol does not know are let pass."""

    inputs: Annotated[list[Tensor], msgspec.Meta(max_length=10_000)]
    id: str | msgspec.UnsetType | None = msgspec.UNSET
    parameters: Parameters = msgspec.UNSET
    outputs: list[Wanted] | msgspec.UnsetType | None = msgspec.UNSET


class Asked(NamedTuple):
    """A decoded body: the id to echo, or None, and the question."""

    id: str | None
    question: Question


_DECODER = msgspec.json.Decoder(InferRequest)


def read(body: bytes, contract: Contract) -> Asked:
    """Decode an inference request.

    Raises:
        RequestError: if it is not JSON of the right shape.
        ContractError: if a value does not fit its tensor's datatype.
    """
    request = decode(_DECODER, body)
    check_keys(body, _keys(request))
    _refuse_binary(request)
    rows, columns = read_columns(contract, request.inputs)
    wanted = tuple(dict.fromkeys(output.name for output in request.outputs or ()))
    request_id = None if request.id is msgspec.UNSET else request.id
    return Asked(request_id, Question(rows, columns=columns, outputs=wanted))


def _keys(request: InferRequest) -> int:
    parts: list[msgspec.Struct] = [request, *request.inputs, *(request.outputs or ())]
    present = sum(
        getattr(part, field) is not msgspec.UNSET
        for part in parts
        for field in part.__struct_fields__
    )
    inner = sum(count_keys(getattr(part, "parameters", None)) for part in parts)
    return present + inner + sum(count_keys(tensor.data) for tensor in request.inputs)


def _refuse_binary(request: InferRequest) -> None:
    for part in (request, *request.inputs, *(request.outputs or ())):
        asked = part.parameters or {}
        if any(asked.get(name) for name in _BINARY):
            raise RequestError(
                "this server does not speak the binary tensor extension",
                hint="send and ask for JSON data: binary_data=False",
            )


def write(version: ServedVersion, answers: Mapping[str, Array], request_id: str | None) -> bytes:
    """Encode an inference response; a float that is not finite becomes null."""
    body: dict[str, Any] = {"model_name": version.name, "model_version": version.version}
    if request_id is not None:
        body["id"] = request_id
    datatypes = {output.name: DATATYPE[output.dtype] for output in version.contract.outputs}
    body["parameters"] = {"digest": version.digest}
    body["outputs"] = [
        {
            "name": name,
            "datatype": datatypes[name],
            "shape": values.shape,
            "data": to_json(values.reshape(-1)),
        }
        for name, values in answers.items()
    ]
    return msgspec.json.encode(body)


def write_server() -> bytes:
    """The server's metadata."""
    return msgspec.json.encode({"name": "modelyard", "version": VERSION, "extensions": []})


def write_model(version: ServedVersion) -> bytes:
    """A model's metadata; ``parameters`` hold what the protocol has no word for."""
    manifest = version.predictor.manifest
    return msgspec.json.encode(
        {
            "name": version.name,
            "versions": [version.version],
            "platform": f"modelyard_{manifest.runtime}",
            "inputs": [_input(column) for column in manifest.contract.inputs],
            "outputs": [_output(output) for output in manifest.contract.outputs],
            "parameters": {"digest": version.digest, "task": manifest.contract.task},
        }
    )


def _input(column: Column) -> dict[str, Any]:
    rules = msgspec.to_builtins(column)
    return {
        "name": column.name,
        "datatype": DATATYPE[column.dtype],
        "shape": _shape(column.shape),
        "parameters": {key: rules[key] for key in rules if key not in ("name", "shape")},
    }


def _output(output: Output) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": output.name,
        "datatype": DATATYPE[output.dtype],
        "shape": _shape(output.shape),
    }
    if output.labels is not None:
        found["parameters"] = {"labels": output.labels}
    return found


def _shape(shape: tuple[int | None, ...]) -> list[int]:
    return [-1, *(-1 if size is None else size for size in shape)]
