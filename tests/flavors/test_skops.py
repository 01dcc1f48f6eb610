"""skops files of another's making: what is trusted in them is made in one way only."""

from __future__ import annotations

import importlib
import io
import json
import zipfile

import numpy as np
import pytest
import scipy.sparse
import sklearn.base
import skops.io
from sklearn import dummy, impute
from skops.io._protocol import PROTOCOL

from modelyard.conversion import sklearn_skops
from modelyard.errors import BundleError
from modelyard.flavors.sklearn import Sklearn
from modelyard.tables.read import read_frame


def rewritten(content, change, compression=zipfile.ZIP_STORED):
    """The file with its schema changed as text."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", compression) as new,
    ):
        for name in old.namelist():
            member = old.read(name)
            changed = change(json.loads(member)) if name == "schema.json" else None
            new.writestr(name, member if changed is None else json.dumps(changed))
    return buffer.getvalue()


def nodes(value):
    """All objects of a schema."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (dict, list)):
            yield from nodes(item)


def dtype_by(loader):
    def change(schema):
        for node in nodes(schema):
            if node.get("__class__") == "dtype":
                # As a loss, numpy.dtype would be called, and its state set, as the file says.
                node["__loader__"] = loader
                node["__reduce__"] = {"args": node["content"]}
        return schema

    return change


def dtype_of_another(schema):
    for node in nodes(schema):
        if node.get("__class__") == "dtype":
            node["content"]["__loader__"] = "ObjectNode"
    return schema


@pytest.mark.parametrize(
    "change", [*map(dtype_by, ("LossNode", "ObjectNode", "NdArrayNode")), dtype_of_another]
)
def test_a_dtype_that_is_not_that_of_an_array_is_refused(change):
    content = sklearn_skops.dump(impute.SimpleImputer().fit([[1.0], [np.nan]]))
    assert sklearn_skops.load(content).transform([[np.nan]]) == [[1.0]]
    with pytest.raises(ValueError, match=r"a dtype is not|is not made by"):
        sklearn_skops.load(rewritten(content, change))


def test_a_sparse_matrix_is_refused():
    inner = io.BytesIO()
    scipy.sparse.save_npz(inner, scipy.sparse.csr_matrix((10**6, 10)))
    schema = {
        "__class__": "spmatrix",
        "__module__": scipy.sparse.spmatrix.__module__,
        "__loader__": "SparseMatrixNode",
        "type": "scipy",
        "file": "1.npz",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "schema.json",
            json.dumps(schema | {"protocol": PROTOCOL, "_skops_version": skops.__version__}),
        )
        archive.writestr("1.npz", inner.getvalue())
    assert skops.io.loads(buffer.getvalue()).shape == (10**6, 10)
    with pytest.raises(ValueError, match="sparse matrix"):
        sklearn_skops.load(buffer.getvalue())


def test_no_harmless_type_sets_its_own_state():
    for name in sklearn_skops.HARMLESS.keys() - {"numpy.dtype"}:
        module, _, kind = name.rpartition(".")
        found = getattr(importlib.import_module(module), kind)
        own = getattr(found, "__setstate__", None)
        assert own in (None, getattr(sklearn.base.BaseEstimator, "__setstate__", None))
        assert found.__new__ is object.__new__
        assert not {"__del__", "__getattr__", "__getattribute__"} & set(dir(found)) - set(
            dir(object)
        )


def test_the_engine_reads_no_compressed_file(exporting, run):
    sample = np.arange(6.0).reshape(3, 2)
    model = dummy.DummyRegressor().fit(sample, sample[:, 0])
    export = exporting(Sklearn(), model, sample, "sklearn")
    packed = rewritten(export.files[export.model], lambda schema: schema, zipfile.ZIP_DEFLATED)
    table = read_frame(sample).table
    with pytest.raises(BundleError, match="types that are trusted"):
        run("sklearn", export._replace(files={**export.files, export.model: packed}), table)
