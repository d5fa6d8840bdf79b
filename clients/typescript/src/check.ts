// A program on the types that openapi-typescript makes of openapi.yaml, and on openapi-fetch: see ../../README.md.
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { paths } from "./generated.js";

function connect(variable: string) {
  return createClient<paths>({ baseUrl: process.env["METAGATE_URL"]!, headers: { "X-API-Key": process.env[variable]! } });
}

async function component() {
  const client = connect("METAGATE_KEY");
  const body = { component_key: "memorygate_main" };
  const { data: packet, error } = await client.POST("/v1/bootstrap", { body });
  ok(packet, JSON.stringify(error));
  ok((packet.services["memorygate"] as { endpoint: string }).endpoint);

  const again = await client.POST("/v1/bootstrap", { body, params: { header: { "If-None-Match": `"${packet.packet_etag}"` } } });
  strictEqual(again.response.status, 304);
  strictEqual(again.response.headers.get("Metagate-Startup-Id")?.length, 36);

  const startup_id = packet.startup.startup_id;
  const ready = await client.POST("/v1/startup/ready", { body: { startup_id, build_version: "1.0.0" } });
  strictEqual(ready.data?.status, "READY");
  const failed = await client.POST("/v1/startup/failed", { body: { startup_id, error: "no" } });
  deepStrictEqual([failed.error?.status, failed.error?.code], [409, "INVALID_STATE"]);
}

async function admin() {
  const client = connect("METAGATE_ADMIN_KEY");
  const profile_key = `typescript-${randomUUID()}`;
  const created = await client.POST("/v1/admin/profiles", { body: { profile_key, policy: { limits: [1], burst: 5 } } });
  strictEqual(created.response.status, 201);

  const params = { path: { id: `key:${profile_key}` }, header: { "If-Match": created.response.headers.get("ETag")! } };
  const patched = await client.PATCH("/v1/admin/profiles/{id}", { params, body: { policy: { burst: null } } });
  deepStrictEqual(patched.data?.policy, { limits: [1] });
  const stale = await client.PATCH("/v1/admin/profiles/{id}", { params, body: { policy: { burst: 1 } } });
  deepStrictEqual([stale.error?.status, stale.error?.code], [412, "PRECONDITION_FAILED"]);

  const body = { profiles: [{ profile_key, policy: { limits: [1, 2] } }] };
  const plan = await client.POST("/v1/admin/apply", { params: { query: { dry_run: true } }, body });
  deepStrictEqual(plan.data?.changes[0]?.diff[0]?.after, [1, 2]);
  const world = await client.GET("/v1/admin/export");
  ok(world.data?.profiles?.some((p) => p.profile_key === profile_key));
}

await component();
await admin();
