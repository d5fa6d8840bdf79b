"""What each of LegiVellum's programs sends to POST /mcp, and what it reads of the answer.

legivellum.py URL ADMIN_KEY GATE_KEY, on a server that has a gate "asyncgate".
"""

import sys
import uuid

import httpx

base, admin, gate = sys.argv[1:]


def send(tool, arguments=None, headers=None, id=1, envelope=True):
    params = {"name": tool} if arguments is None else {"name": tool, "arguments": arguments}
    body = {"id": id, "method": "tools/call", "params": params}
    if envelope:
        body["jsonrpc"] = "2.0"
    with httpx.Client(timeout=5.0) as client:
        del client.headers["accept"]
        answer = client.post(base + "/mcp", json=body, headers=headers or {})
    assert "accept" not in answer.request.headers
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json", answer.text
    message = answer.json()
    assert message["id"] == id and type(message["id"]) is type(id), message
    return message


def result(*args, **kwargs):
    message = send(*args, **kwargs)
    assert "error" not in message and isinstance(message["result"], dict), message
    return message["result"]


def refused(*args, **kwargs):
    message = send(*args, **kwargs)
    assert message.get("error") and "result" not in message, message


key, root = {"X-API-Key": gate}, {"X-API-Key": admin}

# The shared bootstrap client.
for envelope in [True, False]:
    got = result("metagate.bootstrap", {"component_key": "asyncgate"}, key, envelope=envelope)
    packet = got.get("packet") or got
    by_type = {s["type"]: s.get("endpoint") or s.get("url") for s in packet["services"].values()}
    assert by_type["receiptgate"] and isinstance(packet["manifest"], (str, dict)), packet
    ready = {"startup_id": packet["startup"]["startup_id"], "build_version": "0.1.0"}
    for _ in range(2):
        assert result("metagate.startup_ready", ready, key)["status"] == "READY"
refused("metagate.bootstrap", {"component_key": "asyncgate"})  # its key is unset
result("metagate.bootstrap", {"component_key": "asyncgate", "auth_token": gate})

# minimal_worker.py: a UUID for an id, a service by its ref.
services = result("metagate.bootstrap", {"component_key": "asyncgate"}, key, id=str(uuid.uuid4()))["packet"]["services"]
for ref in ["receiptgate", "depotgate"]:
    s = services[ref]
    assert s.get("endpoint") or s.get("mcp_endpoint") or s.get("url")

# The publisher and topology_path.py.
spec = {"problemata": {"id": "p", "owner_principal": "p-owner"}, "topology": {"a": "b"},
        "primitives": {"r": {"type": "receiptgate", "endpoint": "http://receiptgate:8000/mcp"}}}
ask = {"spec": spec, "validation": {"status": "passed"}, "deployment_key": "local"}
for created, headers in [(True, root), (False, {"Authorization": "Bearer " + admin})]:
    got = result("metagate.instantiate_problemata", ask, headers)
    assert got["binding_created"] is created and got["services"] == ["r"] and isinstance(got["capabilities"], list), got
    assert all(got[k] for k in ["principal_key", "profile_key", "manifest_key", "binding_id"]), got
issued = result("metagate.admin_api_keys", {"action": "issue", "principal_key": "p-owner"}, root)["api_key"]
packet = result("metagate.bootstrap", {"component_key": "p"}, {"X-API-Key": issued})["packet"]
assert packet["services"]["r"]["type"] == "receiptgate" and packet["environment"]["topology"] == {"a": "b"} and packet["manifest"]

# InterroGate's policy: the key twice, an API key as Bearer.
profile = got["profile_key"]
arguments = {"action": "get", "profile_id": profile, "profile_key": profile, "tenant_key": got["tenant_key"]}
policy = result("metagate.admin_profiles", arguments, {"Authorization": "Bearer " + admin})
assert isinstance(policy["policy"], dict) and policy["profile_key"] == profile

# wait_for_stack.py and probes.
for headers in [None, key, {"Authorization": "Bearer " + gate}]:
    assert result("metagate.health", {}, headers, id="s")["status"] == "healthy"
result("metagate.discovery", None, id="s")

# invariant_probe.py.
refused("metagate.instantiate_problemata", {**ask, "spec": {**spec, "deploy": {}}}, root)
refused("metagate.instantiate_problemata", {**ask, "validation": {"status": "failed"}}, root)
refused("metagate.admin_api_keys", {"action": "list"})
print("every request of LegiVellum's programs is answered as they read it")
