import http.client, json, os, random, time, urllib.request

class Stay(urllib.request.HTTPRedirectHandler):
    redirect_request = lambda *_: None  # another host would get the key

opener = urllib.request.build_opener(Stay)

def ask(path, body, budget=5.0):
    """Ask MetaGate until it answers; a refusal is a urllib.error.HTTPError."""
    request = urllib.request.Request(os.environ["METAGATE_URL"] + path, json.dumps(body).encode(),
                                     {"X-API-Key": os.environ["METAGATE_KEY"], "Content-Type": "application/json"})
    end, ceiling = time.monotonic() + budget, 0.1
    while True:
        try:
            with opener.open(request, timeout=2) as answer:
                return json.load(answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            status, after = getattr(error, "code", 503), getattr(error, "headers", {}).get("Retry-After", "")
            pause = (int(after) if after.isdigit() else 0) + random.uniform(0, ceiling)
            if (status < 500 and status not in (408, 429)) or time.monotonic() + pause > end:
                raise
            time.sleep(pause)
            ceiling = min(2 * ceiling, 2)

packet = ask("/v1/bootstrap", {"component_key": "memorygate_main", "instance_id": "host-3"})
print("memorygate is at", packet["services"]["memorygate"]["endpoint"])
ready = ask("/v1/startup/ready", {"startup_id": packet["startup"]["startup_id"], "build_version": "1.4.2"})
print("acknowledged as", ready["status"])
