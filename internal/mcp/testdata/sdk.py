"""The official Python SDK as a client of POST /mcp: sdk.py URL.

Lists and calls every tool in both eras of the protocol. The SDK holds results against the schemas that
tools/list gave.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

ADMIN = "mgk_the-admin-key-of-the-tests-0123456789ab"


def connect(url, key, mode):
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"})
    return Client(streamable_http_client(url, http_client=http), mode=mode)


async def every_tool(url, mode, name):
    called = set()

    async def does(client, tool, arguments=None):
        called.add(tool)
        result = await client.call_tool(tool, arguments or {})
        assert not result.is_error and json.loads(result.content[0].text) == result.structured_content, tool
        return result.structured_content

    async def refused(client, tool, arguments, says):
        try:
            await client.call_tool(tool, arguments)
        except MCPError as e:
            assert says in e.error.message and e.error.data["code"], e
        else:
            raise AssertionError(f"{tool} was not refused")

    async with connect(url, ADMIN, mode) as admin:
        tools = (await admin.list_tools()).tools
        for tool in tools:
            assert tool.input_schema["type"] == tool.output_schema["type"] == "object" and tool.annotations, tool.name
        await does(admin, "metagate.health")
        await does(admin, "metagate.discovery")
        p = await does(admin, "metagate.admin_principals", {"action": "create", "data": {"principal_key": name, "auth_subject": name}})
        f = await does(admin, "metagate.admin_profiles", {"action": "create", "data": {"profile_key": name}})
        m = await does(admin, "metagate.admin_manifests", {"action": "create", "data": {"manifest_key": name, "services": {"r": {"type": "receiptgate"}}}})
        await does(admin, "metagate.admin_bindings", {"action": "create", "data": {"principal_id": p["id"], "profile_id": f["id"], "manifest_id": m["id"]}})
        await does(admin, "metagate.admin_secret_refs", {"action": "create", "data": {"secret_key": name, "ref_name": "S"}})
        await does(admin, "metagate.admin_validators", {"action": "create", "data": {"validator_key": name, "on": "packet", "schema": {"type": "object"}}})
        for many in ["principals", "profiles", "manifests", "bindings", "secret_refs", "validators", "api_keys"]:
            assert (await does(admin, "metagate.admin_" + many))[many], many
        key = (await does(admin, "metagate.admin_api_keys", {"action": "issue", "principal_key": name}))["api_key"]
        spec = {"problemata": {"id": name, "owner_principal": name}, "primitives": {"r": {"type": "receiptgate"}}}
        instance = await does(admin, "metagate.instantiate_problemata", {"spec": spec, "validation": {"status": "passed"}})
        assert instance["capabilities"] == ["receipts.read", "receipts.submit"]
        await refused(admin, "metagate.instantiate_problemata", {"spec": {**spec, "deploy": {}}, "validation": {"status": "passed"}}, "deploy")

    async with connect(url, key, mode) as component:
        for report, more in [("metagate.startup_ready", {"build_version": "1"}), ("metagate.startup_failed", {"error": "e"})]:
            packet = (await does(component, "metagate.bootstrap", {"component_key": name}))["packet"]
            await does(component, report, {"startup_id": packet["startup"]["startup_id"], **more})
            assert (await does(component, "metagate.bootstrap", {"component_key": name, "last_packet_etag": packet["packet_etag"]}))["not_modified"]
        await refused(component, "metagate.admin_principals", {}, "no admin")
        await refused(component, "metagate.bootstrap", {}, "component_key")
        await does(component, "metagate.health")

    missed = {tool.name for tool in tools} - called
    assert not missed and len(called) == 13, missed


async def main():
    url = sys.argv[1] + "/mcp"
    for mode in ["legacy", "auto", "2026-07-28"]:
        await every_tool(url, mode, f"python-{mode}")
        print(f"{mode}: every tool is listed and called")


asyncio.run(main())
