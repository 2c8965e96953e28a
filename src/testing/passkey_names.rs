//! The list of AAGUIDs played: a kind of authenticator that no real list knows, and the one of Chromium's virtual authenticator is not
//! in it, as in the real one.

use actix_web::HttpResponse;
use serde_json::json;

/// `GET /raw.githubusercontent.com/passkeydeveloper/passkey-authenticator-aaguids/main/combined_aaguid.json`
pub(super) async fn list() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "08987058-cadc-4b81-b6e1-30de50dcbe96": { "name": "Windows Hello" },
        "5ca1ab1e-1337-fa57-f1d0-a117e71ca702": { "name": "Clé de démonstration", "icon_dark": "data:image/svg+xml;base64," },
    }))
}
