//! The registers: connectors against systems that are well and that are not, look-ups over the real program, the command that
//! refreshes organizations.

mod connectors;
mod directory;
mod look_up;
mod refresh;

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

/// The town hall of Tours, which is played.
const TOWN_HALL: &str = "21370261600011";
/// A SIRET that nobody has.
const NOBODY: &str = "99999999999999";
pub const API_ENTREPRISE: &str = "entreprise.api.gouv.fr";

/// Tells the mocks at `mocks` to let `system` misbehave.
pub async fn order(mocks: &Url, system: &str, fault: Value) {
    control(mocks, Method::PUT, &format!("faults/{system}"), Some(fault)).await;
}

/// All mocks are well again.
pub async fn mend(mocks: &Url) {
    control(mocks, Method::DELETE, "faults", None).await;
}

async fn control(mocks: &Url, method: Method, path: &str, body: Option<Value>) {
    let client = crate::support::http_client();
    let mut request = client.request(method, mocks.join(path).unwrap());
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    assert_eq!(request.send().await.unwrap().status(), 204);
}

/// `status`, as a fault.
pub fn status(status: u16) -> Value {
    json!({ "fault": "status", "status": status })
}
