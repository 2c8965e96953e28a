//! A FranceConnect that a test makes misbehave.

use std::sync::{Arc, Mutex};

use actix_web::web::{Data, Form, get, post};
use actix_web::{App, HttpResponse, HttpServer};
use chrono::Utc;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{self, ES256, JwsHeader};
use serde_json::{Map, Value, json};
use url::Url;

/// The client as the provider knows it.
const CLIENT_ID: &str = "🎭 Mocked FranceConnect Client ID";
const KEY_ID: &str = "fake";

/// What the provider says and does next.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent ways to misbehave")]
pub struct Script {
    /// Changes to the claims of the ID token; null takes one out.
    pub id_token: Value,
    /// Changes to the claims of userinfo.
    pub userinfo: Value,
    /// Signs with a key that is in nobody's JWKS.
    pub signs_with_another_key: bool,
    /// Announces the key that signs, as after a rotation.
    pub has_rotated: bool,
    /// Userinfo is a signed token.
    pub signs_userinfo: bool,
    pub token_status: u16,
    pub userinfo_status: u16,
    pub discovery_status: u16,
    /// Announces a way to sign out.
    pub offers_sign_out: bool,
    pub offers_pkce: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            id_token: json!({}),
            userinfo: json!({}),
            signs_with_another_key: false,
            has_rotated: false,
            signs_userinfo: false,
            token_status: 200,
            userinfo_status: 200,
            discovery_status: 200,
            offers_sign_out: true,
            offers_pkce: true,
        }
    }
}

/// A provider on a port of its own. It lives as long as the test program.
#[derive(Clone)]
pub struct FakeFranceConnect(Arc<State>);

struct State {
    issuer: String,
    key: Jwk,
    other_key: Jwk,
    script: Mutex<Script>,
    nonce: Mutex<String>,
    redemptions: Mutex<Vec<Vec<(String, String)>>>,
}

impl FakeFranceConnect {
    /// Starts one.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let issuer = format!(
            "http://localhost:{}",
            listener.local_addr().expect("an address").port()
        );
        let key = || Jwk::generate_ec_key(EcCurve::P256).expect("a key");
        let fake = Self(Arc::new(State {
            issuer,
            key: key(),
            other_key: key(),
            script: Mutex::default(),
            nonce: Mutex::default(),
            redemptions: Mutex::default(),
        }));
        let shared = fake.clone();
        std::thread::spawn(move || {
            let server = HttpServer::new(move || {
                App::new()
                    .app_data(Data::new(shared.clone()))
                    .route("/.well-known/openid-configuration", get().to(discovery))
                    .route("/jwks", get().to(jwks))
                    .route("/token", post().to(token))
                    .route("/userinfo", get().to(userinfo))
            })
            .workers(1)
            .listen(listener)
            .expect("a listener");
            actix_web::rt::System::new().block_on(server.run())
        });
        fake
    }

    /// The value of `FRANCECONNECT_ISSUER`.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// What it says from now on.
    pub fn play(&self, script: Script) {
        *self.0.script.lock().expect("no panic") = script;
    }

    /// The forms that were sent to its token endpoint.
    pub fn redemptions(&self) -> Vec<Vec<(String, String)>> {
        self.0.redemptions.lock().expect("no panic").clone()
    }

    /// A person signs in there: the query that they come back with, without its question mark.
    pub fn sign_in(&self, authorization: &Url) -> String {
        let parameter = |name: &str| super::parameter(authorization, name).unwrap_or_default();
        *self.0.nonce.lock().expect("no panic") = parameter("nonce");
        let mut answer = url::form_urlencoded::Serializer::new(String::new());
        answer
            .append_pair("code", "the-code")
            .append_pair("state", &parameter("state"))
            .append_pair("iss", &self.0.issuer);
        answer.finish()
    }

    fn script(&self) -> Script {
        self.0.script.lock().expect("no panic").clone()
    }

    fn sign(&self, claims: &Map<String, Value>) -> String {
        let script = self.script();
        let is_other = script.signs_with_another_key || script.has_rotated;
        let key = if is_other { &self.0.other_key } else { &self.0.key };
        let mut header = JwsHeader::new();
        header.set_key_id(if script.has_rotated { "rotated" } else { KEY_ID });
        let signer = ES256.signer_from_jwk(key).expect("a signer");
        let payload = serde_json::to_vec(claims).expect("JSON");
        jws::serialize_compact(&payload, &header, &signer).expect("a token")
    }
}

fn changed(claims: Value, changes: &Value) -> Map<String, Value> {
    let Value::Object(mut claims) = claims else {
        panic!("claims are an object")
    };
    for (name, value) in changes.as_object().expect("changes are an object") {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
    claims
}

fn status(code: u16) -> actix_web::HttpResponseBuilder {
    HttpResponse::build(actix_web::http::StatusCode::from_u16(code).expect("a status"))
}

async fn discovery(fake: Data<FakeFranceConnect>) -> HttpResponse {
    let script = fake.script();
    let at = |path: &str| format!("{}{path}", fake.issuer());
    let mut document = json!({
        "issuer": fake.issuer(),
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/jwks"),
        "authorization_response_iss_parameter_supported": true,
    });
    if script.offers_sign_out {
        document["end_session_endpoint"] = at("/sign-out").into();
    }
    if script.offers_pkce {
        document["code_challenge_methods_supported"] = json!(["S256"]);
    }
    status(script.discovery_status).json(document)
}

async fn jwks(fake: Data<FakeFranceConnect>) -> HttpResponse {
    let public = |key: &Jwk, id: &str| {
        let mut key = key.to_public_key().expect("a public key");
        key.set_key_id(id);
        Value::Object(key.as_ref().clone())
    };
    let mut keys = vec![public(&fake.0.key, KEY_ID)];
    if fake.script().has_rotated {
        keys.push(public(&fake.0.other_key, "rotated"));
    }
    HttpResponse::Ok().json(json!({ "keys": keys }))
}

async fn token(fake: Data<FakeFranceConnect>, Form(form): Form<Vec<(String, String)>>) -> HttpResponse {
    fake.0.redemptions.lock().expect("no panic").push(form);
    let script = fake.script();
    if script.token_status != 200 {
        return status(script.token_status).json(json!({ "error": "invalid_grant" }));
    }
    let now = Utc::now().timestamp();
    let nonce = fake.0.nonce.lock().expect("no panic").clone();
    let claims = changed(
        json!({
            "iss": fake.issuer(), "aud": CLIENT_ID, "sub": "somebody", "nonce": nonce, "iat": now, "exp": now + 60,
        }),
        &script.id_token,
    );
    HttpResponse::Ok().json(json!({
        "access_token": "the-access-token", "token_type": "Bearer", "id_token": fake.sign(&claims),
    }))
}

async fn userinfo(fake: Data<FakeFranceConnect>, http: actix_web::HttpRequest) -> HttpResponse {
    let script = fake.script();
    let header = http
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if header != Some("Bearer the-access-token") {
        return HttpResponse::Unauthorized().finish();
    }
    let claims = changed(
        json!({
            "sub": "somebody", "given_name": "Angela Claire Louise", "family_name": "DUBOIS", "gender": "female",
            "birthdate": "1962-08-24", "birthplace": "75107", "birthcountry": "99100",
        }),
        &script.userinfo,
    );
    let mut answer = status(script.userinfo_status);
    if script.signs_userinfo {
        answer.content_type("application/jwt").body(fake.sign(&claims))
    } else {
        answer.json(claims)
    }
}
