//! What stays where it is while the servers behind it change: the public address, the mailbox, the services.

use std::cell::Cell;

use josekit::jwk::Jwk;
use josekit::jws::{ES256, JwsVerifier, RS256};
use serde_json::Value;
use url::Url;

use crate::support::{Detour, Mailbox, Options, RelyingParty, TestDatabase, http_client, http_get};

/// Where the official contact of every town is told codes.
pub const CONTACT: &str = "mairie@ville.fr";
const CONTACT_SUBJECT: &str = "[ProConnect] Authentifier un email sur ProConnect";

/// The public address, and what people and services use beside it.
pub struct World {
    /// What people type: the front proxy.
    pub url: Url,
    pub mailbox: Mailbox,
    pub front: Detour,
    /// A service whose ID tokens are signed with RS256, and one with ES256.
    pub services: [RelyingParty; 2],
    contact_mails: Cell<usize>,
}

/// What a service learnt of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub subject: String,
    pub email: String,
    pub siret: String,
    /// Name of the key that signed.
    pub key_id: String,
    pub access_token: String,
}

impl World {
    /// A front that leads to `first`, and two services that are not registered yet.
    pub fn new(first: &Url) -> Self {
        let front = Detour::to(first.as_str());
        let mut url = Url::parse(&front.by_this_way("http://localhost/")).expect("a URL");
        url.set_host(Some("localhost")).expect("a host");
        let signed_with = |algorithm: &str| RelyingParty {
            id_token_alg: Some(algorithm.to_owned()),
            ..RelyingParty::default()
        };
        Self {
            url,
            mailbox: Mailbox::start(),
            front,
            services: [signed_with("RS256"), signed_with("ES256")],
            contact_mails: Cell::new(0),
        }
    }

    /// The public origin, without a slash.
    pub fn origin(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Registers the services, as an operator of the reference does.
    pub async fn register_services(&self, database: &TestDatabase) {
        for service in &self.services {
            service.register(database).await;
        }
    }

    /// The request that the service `number` sends a browser with.
    pub fn request(&self, number: usize) -> Url {
        self.services[number].authorization_url_at(&self.url, &[])
    }

    /// Redeems a code for the service `number`, checks the signature of what it gets, and asks for the claims.
    pub async fn redeem(&self, number: usize, code: &str) -> Visit {
        let service = &self.services[number];
        let (status, tokens) = service.redeem_at(&self.url, code, &[]).await;
        assert_eq!(status, 200, "{tokens}");
        let id_token = tokens["id_token"].as_str().expect("an ID token");
        let header = josekit::jwt::decode_header(id_token).expect("a header");
        let key_id = header
            .claim("kid")
            .and_then(Value::as_str)
            .expect("a key id")
            .to_owned();
        let key = self.key(&key_id).await;
        let verifier: Box<dyn JwsVerifier> = match service.id_token_alg.as_deref() {
            Some("ES256") => Box::new(ES256.verifier_from_jwk(&key).expect("a key")),
            _ => Box::new(RS256.verifier_from_jwk(&key).expect("a key")),
        };
        let (payload, _) =
            josekit::jwt::decode_with_verifier(id_token, &*verifier).expect("a good signature");
        assert_eq!(payload.issuer(), Some(self.origin_of_issuer().await.as_str()));
        let access_token = tokens["access_token"]
            .as_str()
            .expect("an access token")
            .to_owned();
        let (status, claims) = self.userinfo(&access_token).await;
        assert_eq!(status, 200, "{claims}");
        let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(Some(text("sub").as_str()), payload.subject());
        Visit {
            subject: text("sub"),
            email: text("email"),
            siret: text("siret"),
            key_id,
            access_token,
        }
    }

    /// What the userinfo endpoint says to an access token.
    pub async fn userinfo(&self, access_token: &str) -> (u16, Value) {
        let answer = http_client()
            .get(self.url.join("oauth/userinfo").expect("a path"))
            .bearer_auth(access_token)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// The published keys, by their names, in order.
    pub async fn key_ids(&self) -> Vec<String> {
        let mut names: Vec<String> = self.keys().await.iter().map(|key| text_of(key, "kid")).collect();
        names.sort();
        names
    }

    async fn origin_of_issuer(&self) -> String {
        text_of(&self.json(".well-known/openid-configuration").await, "issuer")
    }

    async fn key(&self, key_id: &str) -> Jwk {
        let keys = self.keys().await;
        let key = keys
            .into_iter()
            .find(|key| text_of(key, "kid") == key_id)
            .expect("a published key");
        Jwk::from_map(key.as_object().expect("an object").clone()).expect("a key")
    }

    async fn keys(&self) -> Vec<Value> {
        self.json("oauth/jwks").await["keys"]
            .as_array()
            .expect("keys")
            .clone()
    }

    async fn json(&self, path: &str) -> Value {
        let answer = http_get(self.url.join(path).expect("a path"))
            .await
            .expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// The two words of the next mail to the official contact.
    pub async fn contact_code(&self) -> String {
        self.contact_mails.set(self.contact_mails.get() + 1);
        let mail = self
            .mailbox
            .wait_for_nth(CONTACT, CONTACT_SUBJECT, self.contact_mails.get())
            .await;
        let is_code = |line: &&str| {
            let words: Vec<&str> = line.split('-').collect();
            words.len() == 2
                && words
                    .iter()
                    .all(|word| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        };
        let text = mail.text();
        let code = text.lines().map(str::trim).find(is_code);
        code.unwrap_or_else(|| panic!("no line of two words in {text}"))
            .to_owned()
    }
}

fn text_of(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_default().to_owned()
}

/// The environment that both servers are given, beside their ports and what they play themselves.
pub fn environment(world: &World, database: &TestDatabase, redis_url: &str) -> Vec<(&'static str, String)> {
    let settings = [
        ("NODE_ENV", "production".to_owned()),
        ("DEPLOY_ENV", "localhost".to_owned()),
        ("HOST", world.origin().to_owned()),
        ("DATABASE_URL", database.url.clone()),
        ("REDIS_URL", redis_url.to_owned()),
        ("SMTP_URL", world.mailbox.url()),
        (
            "SYMMETRIC_ENCRYPTION_KEY",
            "VGhpcnR5LXR3byBieXRlcyBvZiBhIHJlaGVhcnNhbC4=".to_owned(),
        ),
        ("SESSION_COOKIE_SECRET", "the secret of this rehearsal".to_owned()),
        ("TEST_CONTACT_EMAIL", CONTACT.to_owned()),
        ("FEATURE_AUTHENTICATE_BROWSER", "True".to_owned()),
        (
            "FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE",
            "False".to_owned(),
        ),
        // As the guide has it until a return is out of the question; the reference does not know the variable.
        ("FEATURE_PASSWORD_UPGRADE", "False".to_owned()),
        // Whoever waits for another code waits for twenty minutes otherwise.
        (
            "MIN_DURATION_BETWEEN_TWO_VERIFICATION_CODE_SENDING_IN_SECONDS",
            "0".to_owned(),
        ),
    ];
    settings.to_vec()
}

/// [`environment`] for a server of ours.
pub fn options(environment: &[(&str, String)]) -> Options {
    environment
        .iter()
        .fold(Options::default(), |options, (name, value)| {
            options.with(name, value)
        })
}
