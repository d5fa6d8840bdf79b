// Node.js 20 or later, Deno and Bun have fetch; TypeScript takes this as it is.
async function ask(path, body, budget = 5000) {
  const headers = { "X-API-Key": process.env.METAGATE_KEY, "Content-Type": "application/json" };
  const end = Date.now() + budget;
  for (let ceiling = 100; ; ceiling = Math.min(2 * ceiling, 2000)) {
    let answer, failure;
    try {
      answer = await fetch(process.env.METAGATE_URL + path,
        { method: "POST", headers, body: JSON.stringify(body), redirect: "manual", signal: AbortSignal.timeout(2000) });
      if (answer.ok) return await answer.json();
      failure = new Error(`${path}: ${answer.status} ${await answer.text()}`);
    } catch (error) {
      failure = error; // no answer, or one that was cut short
    }
    const pause = 1000 * (Number(answer?.headers.get("Retry-After")) || 0) + Math.random() * ceiling;
    const final = answer && !answer.ok && answer.status < 500 && ![408, 429].includes(answer.status);
    if (final || Date.now() + pause > end) throw failure;
    await new Promise((done) => setTimeout(done, pause));
  }
}

const packet = await ask("/v1/bootstrap", { component_key: "memorygate_main", instance_id: "host-3" });
console.log("memorygate is at", packet.services.memorygate.endpoint);
const ready = await ask("/v1/startup/ready", { startup_id: packet.startup.startup_id, build_version: "1.4.2" });
console.log("acknowledged as", ready.status);
