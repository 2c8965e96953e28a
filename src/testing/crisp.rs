//! Crisp played: conversations in memory, and a list of them to look at.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Json, Path, ServiceConfig, get, patch, post};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

/// Conversations that are kept: the first ones go.
const KEPT: usize = 200;

/// By name: what was sent, in order.
static CONVERSATIONS: LazyLock<Mutex<BTreeMap<String, Conversation>>> = LazyLock::new(Mutex::default);

#[derive(Clone, Default)]
struct Conversation {
    meta: Value,
    messages: Vec<Value>,
    state: String,
}

/// Mounts the parts of the API that the connector uses, below the address of the system, and the list.
pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .route("/api.crisp.chat/conversations", get().to(list))
        .route(
            "/api.crisp.chat/v1/website/{website}/conversation",
            post().to(open),
        )
        .route(
            "/api.crisp.chat/v1/website/{website}/conversation/{session}/meta",
            patch().to(describe),
        )
        .route(
            "/api.crisp.chat/v1/website/{website}/conversation/{session}/message",
            post().to(send),
        )
        .route(
            "/api.crisp.chat/v1/website/{website}/conversation/{session}/state",
            patch().to(change_state),
        );
}

async fn open(request: HttpRequest) -> HttpResponse {
    if !is_let_in(&request) {
        return refusal(401, "invalid_session");
    }
    let session = format!("session_{:032x}", rand::random::<u128>());
    let mut conversations = lock();
    if conversations.len() >= KEPT {
        conversations.pop_first();
    }
    let conversation = Conversation {
        state: "unresolved".to_owned(),
        ..Conversation::default()
    };
    conversations.insert(session.clone(), conversation);
    HttpResponse::Created()
        .json(json!({ "error": false, "reason": "added", "data": { "session_id": session } }))
}

async fn describe(
    request: HttpRequest,
    path: Path<(String, String)>,
    Json(meta): Json<Value>,
) -> HttpResponse {
    change(&request, &path.1, "updated", |conversation| {
        conversation.meta = meta;
    })
}

async fn send(
    request: HttpRequest,
    path: Path<(String, String)>,
    Json(message): Json<Value>,
) -> HttpResponse {
    change(&request, &path.1, "dispatched", |conversation| {
        conversation.messages.push(message);
    })
}

async fn change_state(
    request: HttpRequest,
    path: Path<(String, String)>,
    Json(state): Json<Value>,
) -> HttpResponse {
    change(&request, &path.1, "updated", |conversation| {
        state["state"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut conversation.state);
    })
}

fn change(
    request: &HttpRequest,
    session: &str,
    reason: &str,
    change: impl FnOnce(&mut Conversation),
) -> HttpResponse {
    if !is_let_in(request) {
        return refusal(401, "invalid_session");
    }
    let mut conversations = lock();
    let Some(conversation) = conversations.get_mut(session) else {
        return refusal(404, "session_not_found");
    };
    change(conversation);
    HttpResponse::Accepted().json(json!({ "error": false, "reason": reason, "data": {} }))
}

/// What was sent, for tests and demonstrations.
async fn list() -> HttpResponse {
    let conversations: Vec<Value> = lock()
        .iter()
        .map(|(session, conversation)| {
            json!({
                "session_id": session,
                "meta": conversation.meta,
                "messages": conversation.messages,
                "state": conversation.state,
            })
        })
        .collect();
    HttpResponse::Ok().json(conversations)
}

fn is_let_in(request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let has_credentials = header(AUTHORIZATION.as_str()).is_some_and(|value| value.starts_with("Basic "));
    has_credentials && header("x-crisp-tier") == Some("plugin")
}

fn refusal(status: u16, reason: &str) -> HttpResponse {
    let status = status
        .try_into()
        .unwrap_or(actix_web::http::StatusCode::BAD_REQUEST);
    HttpResponse::build(status).json(json!({ "error": true, "reason": reason, "data": {} }))
}

fn lock() -> std::sync::MutexGuard<'static, BTreeMap<String, Conversation>> {
    CONVERSATIONS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
