use serde_json::{json, Value};
use std::time::{Duration, Instant};
use std::{env, error::Error, thread};

/// Asks MetaGate until it answers, for five seconds; a refusal is an error.
fn ask(path: &str, body: Value) -> Result<Value, Box<dyn Error>> {
    let (url, key) = (env::var("METAGATE_URL")? + path, env::var("METAGATE_KEY")?);
    let settings = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(2))).http_status_as_error(false).max_redirects(0);
    let agent: ureq::Agent = settings.build().into();
    let (end, mut ceiling) = (Instant::now() + Duration::from_secs(5), 100);
    loop {
        let (mut after, mut last) = (0, false);
        let failure: Box<dyn Error> = match agent.post(&url).header("X-API-Key", &key).send_json(&body) {
            Ok(mut answer) if answer.status() == 200 => match answer.body_mut().read_json() {
                Ok(value) => return Ok(value),
                Err(cut_short) => cut_short.into(),
            },
            Ok(mut answer) => {
                let status = answer.status().as_u16();
                last = status < 500 && status != 408 && status != 429;
                after = answer.headers().get("Retry-After").and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or(0);
                format!("{path}: {status} {}", answer.body_mut().read_to_string()?).into()
            }
            Err(no_answer) => no_answer.into(),
        };
        let pause = Duration::from_secs(after) + Duration::from_millis(fastrand::u64(0..ceiling));
        if last || Instant::now() + pause > end {
            return Err(failure);
        }
        thread::sleep(pause);
        ceiling = (2 * ceiling).min(2000);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let packet = ask("/v1/bootstrap", json!({"component_key": "memorygate_main", "instance_id": "host-3"}))?;
    println!("memorygate is at {}", packet["services"]["memorygate"]["endpoint"].as_str().unwrap_or("nowhere"));
    let report = json!({"startup_id": packet["startup"]["startup_id"], "build_version": "1.4.2"});
    println!("acknowledged as {}", ask("/v1/startup/ready", report)?["status"].as_str().unwrap_or("nothing"));
    Ok(())
}
