"""Every endpoint, as a client sees it, on a real server."""

from __future__ import annotations

import json
import re
import socket

import httpx
import pytest

from modelyard.bundle.opened import open_bundle

SCORE = 31 + 2.5 + 1


def tensor(name, datatype, data, shape=None):
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


def tensors(row):
    kinds = {
        "id": "INT64",
        "age": "INT16",
        "income": "FP64",
        "debt": "FP64",
        "member": "BOOL",
        "city": "BYTES",
        "seen": "BYTES",
    }
    return [tensor(name, kind, [row[name]]) for name, kind in kinds.items()]


def outputs(response):
    assert response.status_code == 200, response.text
    return {output["name"]: output for output in response.json()["outputs"]}


# -- the native protocol


@pytest.mark.parametrize("shape", ["rows", "columns", "list"])
def test_named_columns_in_any_order_give_the_answer(client, yard, row, shape):
    backwards = dict(reversed(row.items()))
    body = {
        "rows": {"rows": [backwards]},
        "columns": {"columns": {name: [value] for name, value in backwards.items()}},
        "list": [backwards],
    }[shape]
    response = client.post("/models/rich/predict", json=body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    bundle = open_bundle(yard.rich)
    assert response.json() == {
        "model": "rich",
        "version": bundle.digest.removeprefix("sha256:")[:12],
        "digest": bundle.digest,
        "outputs": {"score": [SCORE], "number": [7], "town": ["Zürich"], "owes": [None]},
    }


def test_the_body_may_name_the_model(client, row):
    body = {"model": "grid", "rows": [{"a": 1, "b": 2, "c": 3}]}
    assert client.post("/predict", json=body).json()["outputs"] == {"scores": [[22.0, 28.0]]}
    refused = client.post("/predict", json={"rows": [row]})
    assert refused.status_code == 404
    assert "grid, image, rich" in refused.json()["error"]["hint"]
    refused = client.post("/models/rich/predict", json=body)
    assert refused.status_code == 400


def test_outputs_can_be_chosen(client, row):
    body = {"rows": [row], "outputs": ["town", "score"]}
    response = client.post("/models/rich/predict", json=body)
    assert list(response.json()["outputs"]) == ["town", "score"]
    refused = client.post("/models/rich/predict", json=body | {"outputs": ["nothing"]})
    assert refused.status_code == 400
    assert "score, number, town, owes" in refused.json()["error"]["hint"]


def test_whole_numbers_stay_exact(client, row):
    rows = [row | {"id": number} for number in (2**53 + 1, 2**63 - 1, -(2**63), 0)]
    response = client.post("/models/rich/predict", json=rows)
    assert response.json()["outputs"]["number"] == [2**53 + 1, 2**63 - 1, -(2**63), 0]


def test_a_version_can_be_insisted_on(client, yard, row):
    digest = open_bundle(yard.rich).digest
    for version in (digest, digest[7:19]):
        path = f"/models/rich/versions/{version}/predict"
        assert client.post(path, json=[row]).status_code == 200
        assert client.get(f"/v2/models/rich/versions/{version}").status_code == 200
    refused = client.post("/models/rich/versions/9/predict", json=[row])
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "not_found"


def test_tensor_columns_are_nested_lists(client):
    rows = [{"pixels": [[1, 2, 3], [4, 5, 6]]}, {"pixels": [[0, 0, 0], [255, 255, 255]]}]
    response = client.post("/models/image/predict", json=rows)
    assert response.json()["outputs"] == {"total": [21, 765]}


def test_large_batches_give_the_same_as_small_ones(client, row):
    rows = [row | {"id": number, "age": number % 100} for number in range(3000)]
    large = client.post("/models/rich/predict", json=rows).json()["outputs"]
    assert large["number"] == list(range(3000))
    small = client.post("/models/rich/predict", json=rows[1234:1235]).json()["outputs"]
    assert {name: values[1234:1235] for name, values in large.items()} == small


# -- the Open Inference Protocol


def test_server_and_health(client):
    for path in ("/v2", "/v2/"):
        found = client.get(path).json()
        assert found["name"] == "modelyard"
        assert found["extensions"] == []
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"live": True, "ready": True}
    assert client.get("/v2/models/rich/ready").json() == {"name": "rich", "ready": True}


def test_metadata_tells_the_contract(client):
    found = client.get("/v2/models/rich").json()
    assert found["name"] == "rich"
    assert found["platform"] == "modelyard_onnxruntime"
    inputs = {each["name"]: each for each in found["inputs"]}
    assert inputs["id"] | {"parameters": None} == {
        "name": "id",
        "datatype": "INT64",
        "shape": [-1],
        "parameters": None,
    }
    assert inputs["city"]["parameters"]["categories"] == ["Bern", "Oslo", "Zürich"]
    assert inputs["seen"]["datatype"] == "BYTES"
    assert client.get("/v2/models/image").json()["inputs"][0]["shape"] == [-1, 2, 3]
    scores = client.get("/v2/models/grid").json()["outputs"][0]
    assert scores["shape"] == [-1, 2]
    assert scores["parameters"] == {"labels": ["no", "yes"]}


def test_infer_takes_a_tensor_a_column(client, yard, row):
    body = {"id": "a-1", "inputs": tensors(row), "parameters": {"anything": {"goes": 1}}}
    response = client.post("/v2/models/rich/infer", json=body)
    found = outputs(response)
    assert response.json()["id"] == "a-1"
    assert response.json()["model_name"] == "rich"
    assert response.json()["parameters"] == {"digest": open_bundle(yard.rich).digest}
    assert found["score"] == tensor("score", "FP64", [SCORE]) | {"shape": [1]}
    assert found["number"]["data"] == [7]
    assert found["town"] == tensor("town", "BYTES", ["Zürich"])
    assert found["owes"]["data"] == [None]


def test_infer_without_an_id_answers_without_one(client, row):
    response = client.post("/v2/models/rich/infer", json={"inputs": tensors(row)})
    assert "id" not in response.json()
    response = client.post("/v2/models/rich/infer", json={"id": "", "inputs": tensors(row)})
    assert response.json()["id"] == ""


def test_infer_gives_the_outputs_that_are_asked_for(client, row):
    body = {"inputs": tensors(row), "outputs": [{"name": "town"}, {"name": "score"}]}
    assert list(outputs(client.post("/v2/models/rich/infer", json=body))) == ["town", "score"]
    body["outputs"] = []
    assert len(outputs(client.post("/v2/models/rich/infer", json=body))) == 4


@pytest.mark.parametrize("nested", [True, False])
def test_columns_may_stand_upright(client, nested):
    data = [[1], [4]] if nested else [1, 4]
    inputs = [tensor(name, "FP32", data, [2, 1]) for name in "abc"]
    found = outputs(client.post("/v2/models/grid/infer", json={"inputs": inputs}))
    assert found["scores"] == tensor("scores", "FP32", [9.0, 12.0, 36.0, 48.0], [2, 2])


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64", "INT8", "UINT64", "INT64"])
@pytest.mark.parametrize("nested", [True, False])
def test_one_tensor_may_hold_all_columns(client, datatype, nested):
    data = [[1, 2, 3], [4, 5, 6]] if nested else [1, 2, 3, 4, 5, 6]
    body = {"inputs": [tensor("input-0", datatype, data, [2, 3])]}
    found = outputs(client.post("/v2/models/grid/infer", json=body))
    assert found["scores"]["data"] == [22.0, 28.0, 49.0, 64.0]


def test_tensors_of_bytes(client):
    body = {"inputs": [tensor("pixels", "UINT8", list(range(12)), [2, 2, 3])]}
    found = outputs(client.post("/v2/models/image/infer", json=body))
    assert found["total"] == tensor("total", "INT64", [15, 51])


def test_fp32_values_are_fp32_values(client, row):
    """What the client declared as FP32 is rounded as its own float32 would be."""
    inputs = [each for each in tensors(row) if each["name"] != "debt"]
    inputs.append(tensor("debt", "FP32", [0.1]))
    found = outputs(client.post("/v2/models/rich/infer", json={"inputs": inputs}))
    assert found["owes"]["data"] == [0.10000000149011612]


# -- HTTP itself


def test_unknown_paths_and_wrong_methods(client):
    for path in ("/", "/nothing", "/v2/nothing", "/v2/models/rich/nothing", "/models/rich", "/v1"):
        response = client.get(path)
        assert response.status_code == 404, path
        assert response.json()["code" if path.startswith("/v2") else "error"]
    for path, allowed in (("/predict", "POST"), ("/v2", "GET, HEAD"), ("/status", "GET, HEAD")):
        response = client.delete(path)
        assert response.status_code == 405
        assert response.headers["allow"] == allowed
    assert client.get("/v2/models/rich/infer").headers["allow"] == "POST"


def test_unknown_models(client, row):
    response = client.get("/v2/models/nobody")
    assert response.status_code == 404
    assert response.json() == {
        "error": "no model 'nobody' is served here",
        "code": "not_found",
        "hint": "models served here: grid, image, rich",
    }
    response = client.post("/models/nobody/predict", json=[row])
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_head_answers_like_get_without_a_body(client):
    response = client.head("/v2/models/rich")
    assert response.status_code == 200
    assert response.content == b""
    got = client.get("/v2/models/rich")
    assert int(response.headers["content-length"]) == len(got.content)


def test_chunked_bodies_are_read(client, row):
    content = json.dumps([row]).encode()
    response = client.post(
        "/models/rich/predict",
        content=(content[i : i + 7] for i in range(0, len(content), 7)),
        headers={"content-type": "application/json"},
    )
    assert response.json()["outputs"]["number"] == [7]


def test_pipelined_requests_are_answered_in_order(server):
    url = httpx.URL(server.url)
    asked = b"".join(
        b"POST /models/grid/predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s"
        % (len(body), body)
        for body in (b'[{"a":%d,"b":0,"c":0}]' % number for number in range(1, 6))
    )
    with socket.create_connection((url.host, url.port), timeout=10) as connection:
        connection.sendall(asked)
        said = b""
        while said.count(b'"outputs"') < 5 or not said.endswith(b"}}"):
            said += connection.recv(65536)
    found = [float(number) for number in re.findall(rb'"scores":\[\[([0-9.]+),', said)]
    assert found == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_media_types(client, row):
    content = json.dumps([row]).encode()
    for kind in ("application/json; charset=utf-8", "application/vnd.x+json", "APPLICATION/JSON"):
        headers = {"content-type": kind}
        assert client.post("/models/rich/predict", content=content, headers=headers).is_success
    assert client.post("/models/rich/predict", content=content).is_success
    for headers in ({"content-type": "text/csv"}, {"content-encoding": "gzip"}):
        response = client.post("/models/rich/predict", content=content, headers=headers)
        assert response.status_code == 415
        assert response.json()["error"]["code"] == "wrong_media_type"


# -- the operator's page


def test_the_operator_sees_what_is_served(client, yard):
    found = client.get("/status").json()
    assert found["server"]["ready"] is True
    rich = found["models"]["rich"]
    assert rich["digest"] == open_bundle(yard.rich).digest
    assert rich["last_error"] is None
    before = rich["requests"], rich["failures"]
    client.post("/models/rich/predict", json=[{}])
    rich = client.get("/status").json()["models"]["rich"]
    assert (rich["requests"], rich["failures"]) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize("headers", [{"x-forwarded-for": "10.0.0.1"}, {"host": "evil.example"}])
def test_nobody_else_sees_the_operators_page(client, headers):
    assert client.get("/status", headers=headers).status_code == 404
