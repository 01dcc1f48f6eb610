"""Wrong requests: a clear error each, and the next good one answers the same as before."""

from __future__ import annotations

import json
import socket
import time

import httpx
import pytest

JSON = {"content-type": "application/json"}
NATIVE = "/models/rich/predict"
INFER = "/v2/models/rich/infer"


@pytest.fixture(autouse=True)
def unchanged(client, row):
    """Whatever a test sends, a good request before and after it is answered the same."""
    before = client.post(NATIVE, json=[row])
    assert before.status_code == 200
    yield
    after = client.post(NATIVE, json=[row])
    assert after.content == before.content


def raw(server, content, seconds=5.0):
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port), timeout=seconds) as connection:
        connection.sendall(content)
        said = b""
        while part := connection.recv(65536):
            said += part
    return said


def refused(response, status, code):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code
    for inside in ("/", "Traceback", "onnx", "msgspec", "numpy", "site-packages"):
        assert inside not in error["message"], error
    return error


# -- values that do not fit the contract

WRONG = {
    "wrong type: text for a number": ("age", "31"),
    "wrong type: truth for a number": ("age", True),
    "a decimal for a whole number": ("age", 31.0),
    "overflow of int16": ("age", 2**15),
    "out of the range": ("age", 131),
    "overflow of int64": ("id", 2**63),
    "overflow of every integer": ("id", 10**40),
    "null where none may be": ("income", None),
    "a whole number that no double holds": ("income", 2**53 + 1),
    "an unknown category": ("city", "Rome"),
    "null for a category": ("city", None),
    "a number for a text": ("city", 3),
    "a number for a truth": ("member", 1),
    "a bare number for a time": ("seen", 1767225600),
    "a text that is no time": ("seen", "yesterday"),
    "a list for a number": ("income", [1.0]),
    "an object for a number": ("income", {"a": 1}),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_value_that_does_not_fit_is_named(client, row, case):
    column, value = WRONG[case]
    rows = [row, row, row | {column: value}]
    error = refused(client.post(NATIVE, json=rows), 422, "contract")
    assert error["column"] == column
    assert error["row"] == 2
    assert error["expected"]
    columns = {name: [each[name] for each in rows] for name in row}
    error = refused(client.post(NATIVE, json={"columns": columns}), 422, "contract")
    assert (error["column"], error["row"]) == (column, 2)


def test_missing_and_unexpected_columns(client, row):
    short = {name: value for name, value in row.items() if name != "age"}
    error = refused(client.post(NATIVE, json=[row, short]), 422, "contract")
    assert (error["column"], error["row"]) == ("age", 1)
    error = refused(client.post(NATIVE, json=[row | {"agee": 1}]), 422, "contract")
    assert error["column"] == "agee"
    error = refused(client.post(NATIVE, json=[short | {"agee": 1}]), 422, "contract")
    assert "did you mean 'age'" in error["hint"]


def test_ragged_columns(client, row):
    columns = {name: [value, value] for name, value in row.items()} | {"age": [1]}
    error = refused(client.post(NATIVE, json={"columns": columns}), 422, "contract")
    assert "rows" in error["message"]


def test_no_rows(client):
    refused(client.post(NATIVE, json=[]), 422, "contract")


def test_too_many_rows(client, row):
    refused(client.post(NATIVE, json=[row] * 5001), 413, "too_large")


# -- bodies that are not JSON, or not of the right shape

AGE = (
    b'[{"id":7,"age":%s,"income":2.5,"debt":null,"member":true,"city":"Bern","seen":"2026-01-01"}]'
)
BROKEN = {
    "empty": b"",
    "blank": b"  ",
    "not JSON": b"hello",
    "cut off": b'[{"id": 1',
    "trailing garbage": b'[{"id": 1}] x',
    "two values": b"[] []",
    "1e999": AGE % b"1e999",
    "-1e999": AGE % b"-1e999",
    "NaN": AGE % b"NaN",
    "Infinity": AGE % b"-Infinity",
    "ten thousand digits": AGE % (b"9" * 10_000),
    "leading zero": AGE % b"031",
    "hexadecimal": AGE % b"0x1f",
    "key twice": AGE % b'31,"age":32',
    "key twice, one escaped": AGE % rb'31,"\u0061ge":32',
    "not UTF-8": b'[{"id": "\xff\xfe"}]',
    "half a surrogate pair": rb'[{"id": "\ud800"}]',
    "a surrogate in UTF-8": b'[{"id": "\xed\xa0\x80"}]',
    "byte order mark": b"\xef\xbb\xbf[]",
    "UTF-16": "[]".encode("utf-16"),
    "control character": b'["\x01"]',
    "10,000 deep": b"[" * 10_000 + b"]" * 10_000,
    "1,000,000 deep, never closed": b"[" * 1_000_000,
    "10,000 objects deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a number": b"3",
    "a text": b'"rows"',
    "null": b"null",
    "no rows": b"{}",
    "rows and columns": b'{"rows": [], "columns": {}}',
    "rows that are no list": b'{"rows": {}}',
    "columns that are no object": b'{"columns": []}',
    "an unknown key": b'{"rows": [], "row": []}',
    "a model that is no text": b'{"rows": [], "model": 3}',
    "outputs that are no list": b'{"rows": [], "outputs": "score"}',
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_body_is_refused(client, case):
    error = refused(client.post(NATIVE, content=BROKEN[case], headers=JSON), 400, "bad_request")
    assert len(error["message"]) < 300


def test_a_row_by_itself_is_told_to_go_in_a_list(client, row):
    error = refused(client.post(NATIVE, json=row), 400, "bad_request")
    assert error["hint"] == "put the row in a list: [{...}]"
    error = refused(client.post(NATIVE, json={"rows": [row], "age": 3}), 400, "bad_request")
    assert '{"rows": [{...}, ...]}' in error["hint"]


@pytest.mark.parametrize(
    "rows",
    [b"3", b'"x"', b"[3]", b"[null]", b"[[]]", b"[" * 400 + b"]" * 400],
    ids=["number", "text", "numbers", "nulls", "lists", "400 deep"],
)
def test_rows_that_are_no_rows(client, rows):
    response = client.post(NATIVE, content=b'{"rows":' + rows + b"}", headers=JSON)
    assert response.status_code in (400, 422)
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("depth", [100, 300, 490, 510, 700, 900, 1100])
def test_depths_around_the_limits(client, row, depth):
    deep = json.dumps(row).replace("2.5", "[" * depth + "]" * depth)
    response = client.post(NATIVE, content=f"[{deep}]", headers=JSON)
    assert response.status_code in (400, 422)
    deep = json.dumps(row).replace("2.5", '{"a":' * depth + "1" + "}" * depth)
    response = client.post(NATIVE, content=f"[{deep}]", headers=JSON)
    assert response.status_code in (400, 422)


# -- sizes and framing


@pytest.mark.parametrize("chunked", [False, True])
def test_64_mib_are_refused_without_being_read(client, chunked):
    size = 64 * 2**20
    block = b" " * 2**16
    content = (block for _ in range(size // 2**16)) if chunked else b" " * size
    begun = time.monotonic()
    response = client.post(NATIVE, content=content, headers=JSON)
    assert time.monotonic() - begun < 5
    error = refused(response, 413, "too_large")
    assert str(32 * 2**20) in error["message"]


def test_a_body_just_under_the_limit_is_read(client, row):
    content = json.dumps([row]).encode()
    padded = content + b" " * (32 * 2**20 - len(content))
    assert client.post(NATIVE, content=padded, headers=JSON).status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n{}",
        b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n{}",
        b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"POST %s HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nlong: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
    ids=["huge length", "negative length", "two lengths", "bad chunk", "no HTTP", "long header"],
)
def test_lies_about_lengths(server, content):
    said = raw(server, content.replace(b"%s", NATIVE.encode()))
    assert said.startswith(b"HTTP/1.1 4"), said[:200]


def test_a_body_cut_off_does_no_harm(server):
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port)) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n[")


# -- the Open Inference Protocol


def v2_refused(response, status, code):
    assert response.status_code == status, response.text
    body = response.json()
    assert isinstance(body["error"], str)
    assert body["code"] == code
    return body


def grid(**changes):
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}
    return {"inputs": [tensor | changes]}


WRONG_TENSORS = {
    "no inputs": ({}, 400),
    "inputs no list": ({"inputs": {}}, 400),
    "no data": ({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3]}]}, 400),
    "id no text": (grid() | {"id": 3}, 400),
    "unknown datatype": (grid(datatype="FP8"), 400),
    "small datatype": (grid(datatype="fp32"), 400),
    "too few values": (grid(data=[1, 2]), 400),
    "too many values": (grid(data=[1, 2, 3, 4]), 400),
    "nested wrongly": (grid(data=[[1], [2], [3]]), 400),
    "half nested": (grid(data=[[1, 2], 3]), 400),
    "negative shape": (grid(shape=[-1, 3]), 400),
    "huge shape": (grid(shape=[2**62, 2**62]), 400),
    "shape beyond": (grid(shape=[10**30, 3]), 400),
    "no shape": (grid(shape=[], data=[1]), 400),
    "binary": (grid(parameters={"binary_data_size": 12}), 400),
    "no rows": (grid(shape=[0, 3], data=[]), 422),
    "too few columns": (grid(shape=[1, 2], data=[1, 2]), 422),
    "a text in numbers": (grid(data=[1, "2", 3]), 422),
    "a truth in numbers": (grid(data=[1, True, 3]), 422),
    "a decimal in INT8": (grid(datatype="INT8", data=[1, 2.5, 3]), 422),
    "300 in UINT8": (grid(datatype="UINT8", data=[1, 300, 3]), 422),
    "-1 in UINT64": (grid(datatype="UINT64", data=[1, -1, 3]), 422),
    "1e39 in FP32": (grid(data=[1, 1e39, 3]), 422),
    "10**400 in FP64": (grid(datatype="FP64", data=[1, 10**400, 3]), 422),
    "2**24+1 in FP32": (grid(data=[1, 2**24 + 1, 3]), 422),
    "2**24+1 for float32": (grid(datatype="INT64", data=[1, 2**24 + 1, 3]), 422),
    "texts for numbers": (grid(datatype="BYTES", data=["1", "2", "3"]), 422),
    "truths for numbers": (grid(datatype="BOOL", data=[True, True, False]), 422),
    "null where none may be": (grid(data=[1, None, 3]), 422),
    "one column of three": (grid(name="a", shape=[1], data=[1]), 422),
    "a column too wide": (grid(name="a"), 422),
    "the same input twice": ({"inputs": grid()["inputs"] * 2}, 400),
    "an unknown output": (grid() | {"outputs": [{"name": "y"}]}, 400),
}


@pytest.mark.parametrize("case", WRONG_TENSORS)
def test_wrong_tensors_are_refused(client, case):
    body, status = WRONG_TENSORS[case]
    codes = {400: "bad_request", 404: "not_found", 422: "contract"}
    found = v2_refused(client.post("/v2/models/grid/infer", json=body), status, codes[status])
    if case == "300 in UINT8":
        assert (found["column"], found["row"]) == ("x", 0)


@pytest.mark.parametrize("case", ["empty", "NaN", "key twice", "10,000 deep", "not UTF-8"])
def test_broken_bodies_are_refused_in_the_words_of_the_protocol(client, case):
    v2_refused(client.post(INFER, content=BROKEN[case], headers=JSON), 400, "bad_request")


def test_a_key_that_stands_twice_in_a_tensor(client):
    content = json.dumps(grid())[:-3] + ', "data": [7, 8, 9]}]}'
    found = v2_refused(
        client.post("/v2/models/grid/infer", content=content, headers=JSON), 400, "bad_request"
    )
    assert "twice" in found["error"]


def test_the_log_never_holds_what_a_body_held(server, client, row):
    client.post(NATIVE, json=[row | {"city": "a-planted-secret"}])
    events = server.events()
    assert events[-1]["event"] == "request failed"
    assert (events[-1]["column"], events[-1]["row"]) == ("city", 0)
    assert "a-planted-secret" not in json.dumps(events)
