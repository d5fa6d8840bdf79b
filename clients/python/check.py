"""A program on the client that openapi-python-client makes of openapi.yaml: see ../README.md."""

import os
import uuid

from metagate_client import AuthenticatedClient
from metagate_client.api.bootstrap import bootstrap
from metagate_client.api.profiles import create_profile, update_profile
from metagate_client.api.startup import report_failed, report_ready
from metagate_client.api.world import apply_world, export_world
from metagate_client.models import (
    BootstrapRequest, FailedReport, JSONObject, Plan, Problem, ProfileCreate, ProfilePatch, ReadyReport, StartupStatus, WelcomePacket, World,
)


def connect(variable):
    return AuthenticatedClient(
        os.environ["METAGATE_URL"], os.environ[variable], prefix="", auth_header_name="X-API-Key", raise_on_unexpected_status=True)


def component():
    client = connect("METAGATE_KEY")
    request = BootstrapRequest("memorygate_main")
    packet = bootstrap.sync(client=client, body=request)
    assert isinstance(packet, WelcomePacket), packet
    assert packet.services["memorygate"]["endpoint"], packet.services

    again = bootstrap.sync_detailed(client=client, body=request, if_none_match=f'"{packet.packet_etag}"')
    assert again.status_code == 304, again
    uuid.UUID(again.headers["Metagate-Startup-Id"])

    ready = report_ready.sync(client=client, body=ReadyReport(packet.startup.startup_id, "1.0.0"))
    assert ready.status == StartupStatus.READY, ready
    problem = report_failed.sync(client=client, body=FailedReport(packet.startup.startup_id, "no"))
    assert isinstance(problem, Problem) and (problem.status, problem.code) == (409, "INVALID_STATE"), problem


def admin():
    client = connect("METAGATE_ADMIN_KEY")
    key = f"python-{uuid.uuid4()}"
    policy = JSONObject.from_dict({"limits": [1], "burst": 5})
    created = create_profile.sync_detailed(client=client, body=ProfileCreate(key, policy=policy))
    assert created.status_code == 201, created
    etag = created.headers["ETag"]

    patch = ProfilePatch.from_dict({"policy": {"burst": None}})
    patched = update_profile.sync("key:" + key, client=client, body=patch, if_match=etag)
    assert patched.policy.to_dict() == {"limits": [1]}, patched
    stale = update_profile.sync("key:" + key, client=client, body=patch, if_match=etag)
    assert isinstance(stale, Problem) and (stale.status, stale.code) == (412, "PRECONDITION_FAILED"), stale

    world = World(profiles=[ProfileCreate(key, policy=JSONObject.from_dict({"limits": [1, 2]}))])
    plan = apply_world.sync(client=client, body=world, dry_run=True)
    assert isinstance(plan, Plan) and plan.changes[0].diff[0].after == [1, 2], plan
    exported = export_world.sync(client=client)
    assert key in [p.profile_key for p in exported.profiles], exported


component()
admin()
