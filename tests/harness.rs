//! The harness itself: what tests rely on must be reliable.

mod support;

use std::process::Command;
use std::time::Duration;

use lettre::message::MultiPart;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::support::{Behaviour, EMAIL, Mailbox, PASSWORD, Page, Process, RelyingParty, TestServer};

fn message(subject: &str) -> Message {
    Message::builder()
        .from("ProConnect <nepasrepondre@email.test>".parse().unwrap())
        .to("agent@exemple.test".parse().unwrap())
        .subject(subject)
        .multipart(MultiPart::alternative_plain_html(
            "Votre code : 1234567890\r\n.\r\nÀ bientôt".to_owned(),
            "<p>Votre <a href=\"http://localhost/lien?a=1&amp;b=2\">lien</a></p>".to_owned(),
        ))
        .unwrap()
}

fn transport(mailbox: &Mailbox) -> AsyncSmtpTransport<Tokio1Executor> {
    AsyncSmtpTransport::<Tokio1Executor>::from_url(&mailbox.url())
        .unwrap()
        .build()
}

#[tokio::test]
async fn a_mailbox_keeps_what_is_sent_to_it() {
    let mailbox = Mailbox::start();
    transport(&mailbox).send(message("Été")).await.unwrap();
    let mail = mailbox.wait_for("agent@exemple.test", "Été").await;
    assert_eq!(mail.sender, "nepasrepondre@email.test");
    assert_eq!(mail.from(), "nepasrepondre@email.test");
    assert_eq!(mail.code(10).as_deref(), Some("1234567890"));
    assert_eq!(mail.links(), ["http://localhost/lien?a=1&b=2"]);
    // A line with a single dot belongs to the message when the sender stuffed it.
    assert!(mail.text().contains("\n.\r\nÀ bientôt"), "{:?}", mail.text());
}

#[tokio::test]
async fn a_mailbox_can_refuse_hang_up_and_be_down() {
    let mailbox = Mailbox::start();
    let transport = transport(&mailbox);

    mailbox.set(Behaviour::RefuseRecipients("550 no such user".into()));
    assert!(
        transport
            .send(message("refused"))
            .await
            .unwrap_err()
            .is_permanent()
    );
    mailbox.set(Behaviour::RefuseMessages("451 try later".into()));
    assert!(transport.send(message("later")).await.unwrap_err().is_transient());
    mailbox.set(Behaviour::HangUpAfterMessage);
    transport.send(message("unknown")).await.unwrap_err();
    mailbox.set(Behaviour::Down);
    tokio::time::sleep(Duration::from_millis(50)).await;
    transport.send(message("down")).await.unwrap_err();
    assert!(mailbox.mails().is_empty());

    mailbox.set(Behaviour::Accept);
    tokio::time::sleep(Duration::from_millis(50)).await;
    transport.send(message("accepted")).await.unwrap();
    mailbox.wait_for("agent@exemple.test", "accepted").await;
}

#[test]
fn a_form_is_read_with_what_it_would_send() {
    let page = Page {
        url: "http://localhost:3000/users/sign-in?x=1".parse().unwrap(),
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: r#"<title> Accéder
               au compte </title><script>let hidden;</script><h1>Bonjour</h1>
               <form action="/users/sign-in" method="post">
                 <input type="hidden" name="_csrf" value="a&quot;b"><input name="password">
                 <input type="checkbox" name="remember"><input type="submit" name="go" value="go">
               </form>"#
            .into(),
    };
    assert_eq!(page.title(), "Accéder au compte");
    assert_eq!(page.text(), "Bonjour");
    let form = page.form("/users/sign-in");
    assert_eq!(form.action.as_str(), "http://localhost:3000/users/sign-in");
    assert_eq!(form.method, "POST");
    let fields = [("_csrf", "a\"b"), ("password", "")].map(|(name, value)| (name.into(), value.into()));
    assert_eq!(form.fields, fields);
}

#[tokio::test]
async fn a_program_is_heard_and_stopped() {
    let patience = Duration::from_secs(5);
    let script = "trap 'echo bye; exit 3' TERM; echo ready 42; while :; do sleep 0.01; done";
    let mut process = Process::start("a shell", Command::new("sh").args(["-c", script]));
    assert_eq!(process.wait_for_line("ready ", patience).await, "42");
    assert_eq!(process.stop(patience).await.code(), Some(3));
    assert_eq!(process.output(), "ready 42\nbye\n");
}

#[tokio::test]
async fn a_visitor_walks_through_a_server_that_may_restart() {
    let mut server = TestServer::start().await;
    let client = RelyingParty::default();
    client.register(server.database()).await;

    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert!(visitor.cookie("/", "session").is_some());
    visitor.select_organization(49).await;

    server.stop().await;
    server.start_again().await;

    let answer = visitor.get(client.authorization_url(&server, &[]).as_str()).await;
    let location = answer.location();
    assert!(location.as_str().starts_with(&client.redirect_uri), "{location}");
    assert!(
        location.query_pairs().any(|(name, _)| name == "code"),
        "{location}"
    );

    let page = visitor.sign_out().await;
    assert_eq!(page.url.path().trim_end_matches('/'), "/users/start-sign-in");
    let silent = client.authorization_url(&server, &[("prompt", "none")]);
    let location = visitor.get(silent.as_str()).await.location();
    assert!(
        location.query_pairs().any(|(_, value)| value == "login_required"),
        "{location}"
    );
}
