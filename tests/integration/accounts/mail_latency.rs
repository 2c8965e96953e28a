//! How long a mail takes from the moment that a use case writes it to its acceptance by the mail server.

use super::insert_user;
use crate::support::{TestServer, number_from_environment};

/// `MAILS=100 cargo test --test integration mail_latency -- --nocapture` for the figures of docs/PERFORMANCE.md.
#[tokio::test]
async fn from_the_use_case_to_the_mail_server() {
    let server = TestServer::start().await;
    let mails = number_from_environment("MAILS", 5);
    for number in 0..mails {
        let email = format!("agent{number}@exemple.fr");
        insert_user(server.database(), &email, &[]).await;
        let visitor = server.visitor();
        let page = visitor.get("/users/reset-password").await;
        visitor
            .submit(&page, "/users/reset-password", &[("login", &email)])
            .await;
        server.mailbox.wait_for_count(number + 1).await;
    }
    let delivered = "SELECT count(*) FROM identite_outbox WHERE delivered_at IS NOT NULL";
    server
        .database()
        .wait_for_count(delivered, i64::try_from(mails).expect("a count"))
        .await;
    let client = server.database().pool().get().await.expect("a connection");
    let row = client
        .query_one(
            "SELECT
               percentile_cont(0.5) WITHIN GROUP (ORDER BY took),
               percentile_cont(0.95) WITHIN GROUP (ORDER BY took),
               max(took)
             FROM (
               SELECT (extract(epoch FROM delivered_at - created_at) * 1000)::float8 AS took
               FROM identite_outbox
               WHERE delivered_at IS NOT NULL
             ) mails",
            &[],
        )
        .await
        .expect("the times");
    let (median, p95, longest): (f64, f64, f64) = (row.get(0), row.get(1), row.get(2));
    eprintln!("{mails} mails: median {median:.0} ms, p95 {p95:.0} ms, longest {longest:.0} ms");
}
