//! A program on the client that openapi-generator makes of openapi.yaml: see ../../README.md.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex};

use metagate_client::apis::configuration::{ApiKey, Configuration};
use metagate_client::apis::{self, bootstrap_api, profiles_api, startup_api, world_api};
use metagate_client::models::*;
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use serde_json::json;
use uuid::Uuid;

/// Remembers the header of the last answer, which this client doesn't give: the ETag, and the startup of a 304.
#[derive(Clone, Default)]
struct LastHeader(Arc<Mutex<reqwest::header::HeaderMap>>);

impl LastHeader {
    fn get(&self, name: &str) -> String {
        let header = self.0.lock().unwrap();
        header.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
    }
}

#[async_trait::async_trait]
impl Middleware for LastHeader {
    async fn handle(&self, request: reqwest::Request, extensions: &mut http::Extensions, next: Next<'_>) -> reqwest_middleware::Result<reqwest::Response> {
        let answer = next.run(request, extensions).await?;
        *self.0.lock().unwrap() = answer.headers().clone();
        Ok(answer)
    }
}

fn connect(variable: &str) -> Result<(Configuration, LastHeader), std::env::VarError> {
    let header = LastHeader::default();
    let client = Configuration {
        base_path: std::env::var("METAGATE_URL")?,
        api_key: Some(ApiKey { prefix: None, key: std::env::var(variable)? }),
        client: ClientBuilder::new(reqwest::Client::new()).with(header.clone()).build(),
        ..Configuration::default()
    };
    Ok((client, header))
}

/// The problem document of a refusal.
fn problem<T: std::fmt::Debug, E>(got: Result<T, apis::Error<E>>) -> Result<Problem, Box<dyn Error>> {
    match got {
        Err(apis::Error::ResponseError(answer)) => Ok(serde_json::from_str(&answer.content)?),
        Err(other) => Err(format!("no answer: {other}").into()),
        Ok(answer) => Err(format!("expected a refusal, got {answer:?}").into()),
    }
}

async fn component() -> Result<(), Box<dyn Error>> {
    let (client, header) = connect("METAGATE_KEY")?;
    let request = BootstrapRequest::new("memorygate_main".into());
    let answer = bootstrap_api::bootstrap(&client, request.clone(), None, None).await?;
    let Some(bootstrap_api::BootstrapSuccess::Status200(packet)) = answer.entity else {
        return Err(format!("no packet: {}", answer.content).into());
    };
    assert!(packet.services["memorygate"]["endpoint"].is_string(), "{:?}", packet.services);

    let etag = format!("\"{}\"", packet.packet_etag);
    let again = bootstrap_api::bootstrap(&client, request, None, Some(&etag)).await?;
    assert_eq!(again.status, 304);
    Uuid::parse_str(&header.get("Metagate-Startup-Id"))?;

    let id = packet.startup.startup_id;
    let answer = startup_api::report_ready(&client, ReadyReport::new(id, "1.0.0".into())).await?;
    let Some(startup_api::ReportReadySuccess::Status200(ready)) = answer.entity else {
        return Err(format!("not acknowledged: {}", answer.content).into());
    };
    assert_eq!(ready.status, StartupStatus::Ready);
    let refused = problem(startup_api::report_failed(&client, FailedReport::new(id, "no".into())).await)?;
    assert_eq!((refused.status, refused.code.as_str()), (409, "INVALID_STATE"));
    Ok(())
}

async fn admin() -> Result<(), Box<dyn Error>> {
    let (client, header) = connect("METAGATE_ADMIN_KEY")?;
    let key = format!("rust-{}", Uuid::new_v4());
    let id = format!("key:{key}");
    let mut profile = ProfileCreate::new(key.clone());
    profile.policy = Some(HashMap::from([("limits".into(), json!([1])), ("burst".into(), json!(5))]));
    let answer = profiles_api::create_profile(&client, profile.clone(), None).await?;
    assert_eq!(answer.status, 201);
    let etag = header.get("ETag");

    let mut patch = ProfilePatch::new();
    patch.policy = Some(Some(HashMap::from([("burst".into(), json!(null))])));
    let answer = profiles_api::update_profile(&client, &id, patch.clone(), Some(&etag), None).await?;
    let Some(profiles_api::UpdateProfileSuccess::Status200(patched)) = answer.entity else {
        return Err(format!("not patched: {}", answer.content).into());
    };
    assert_eq!(json!(patched.policy), json!({"limits": [1]}));
    let stale = problem(profiles_api::update_profile(&client, &id, patch, Some(&etag), None).await)?;
    assert_eq!((stale.status, stale.code.as_str()), (412, "PRECONDITION_FAILED"));

    profile.policy = Some(HashMap::from([("limits".into(), json!([1, 2]))]));
    let wanted = World { profiles: Some(vec![profile]), ..World::default() };
    let answer = world_api::apply_world(&client, wanted, Some(true), None, None, None).await?;
    let Some(world_api::ApplyWorldSuccess::Status200(plan)) = answer.entity else {
        return Err(format!("no plan: {}", answer.content).into());
    };
    assert_eq!(plan.changes[0].diff[0].after, Some(Some(json!([1, 2]))));
    let answer = world_api::export_world(&client, None, None, None).await?;
    let exported: World = serde_json::from_str(&answer.content)?;
    assert!(exported.profiles.unwrap_or_default().iter().any(|p| p.profile_key == key));
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    component().await?;
    admin().await
}
