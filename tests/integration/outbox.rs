//! E-mails from the commit to the mail server, by the real process.

use std::time::Duration;

use identite::mail::Envelope;

use crate::support::{Behaviour, Mailbox, Options, TestDatabase, TestServer};

const RECIPIENT: &str = "agent@exemple.test";
const PATIENCE: Duration = Duration::from_secs(20);

fn envelope(subject: &str) -> Envelope {
    Envelope {
        to: RECIPIENT.to_owned(),
        subject: subject.to_owned(),
        html: format!("<p>{subject}</p>"),
        text: format!("{subject}\n"),
        tag: "test".to_owned(),
    }
}

/// Commits a mail, as a use case does; it leaves at the next poll.
async fn commit(database: &TestDatabase, subject: &str) {
    write(database, subject, true).await;
}

async fn write(database: &TestDatabase, subject: &str, commits: bool) {
    let mut client = database.pool().get().await.expect("a connection");
    let transaction = client.transaction().await.expect("a transaction");
    let payload = serde_json::to_value(envelope(subject)).expect("JSON");
    transaction
        .execute(
            "INSERT INTO identite_outbox (kind, payload) VALUES ('mail', $1)",
            &[&payload],
        )
        .await
        .expect("the row is written");
    if commits {
        transaction.commit().await.expect("committed");
    } else {
        transaction.rollback().await.expect("rolled back");
    }
}

/// Waits until so many rows meet a condition.
async fn wait_for_rows(database: &TestDatabase, count: i64, condition: &str) {
    let query = format!("SELECT count(*) FROM identite_outbox WHERE {condition}");
    database.wait_for_count(&query, count).await;
}

/// Lets the time pass that a row waits for its next attempt, and the lease of a process that died.
async fn let_time_pass(database: &TestDatabase) {
    database
        .execute(
            "UPDATE identite_outbox
             SET next_attempt_at = now() - interval '1 second',
                 claimed_until = now() - interval '1 second'
             WHERE delivered_at IS NULL AND dead_at IS NULL",
        )
        .await;
}

#[tokio::test]
async fn a_mail_leaves_once_and_only_if_committed() {
    let server = TestServer::start().await;
    write(server.database(), "rolled back", false).await;
    commit(server.database(), "Été").await;
    let mail = server.mailbox.wait_for(RECIPIENT, "Été").await;
    assert_eq!(mail.recipients, [RECIPIENT]);
    assert_eq!(mail.from(), "nepasrepondre@email.proconnect.gouv.fr");
    assert_eq!(mail.header("X-Mailin-Tag").as_deref(), Some("test"));
    assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    let message = mail.message();
    let answers_to = message.reply_to().and_then(|to| to.first()?.address());
    assert_eq!(answers_to, Some("support+identite@proconnect.gouv.fr"));
    wait_for_rows(
        server.database(),
        1,
        "delivered_at IS NOT NULL AND payload = '{}'",
    )
    .await;
    // Two more polls: nothing is left to send.
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    assert_eq!(server.mailbox.mails().len(), 1);
    server.expect_discreet_log(&[RECIPIENT, "Été"]).await;
}

#[tokio::test]
async fn mails_wait_for_a_mail_server_that_is_away() {
    let server = TestServer::start().await;
    server.mailbox.set(Behaviour::Down);
    commit(server.database(), "patient").await;
    let database = server.database();
    wait_for_rows(
        database,
        1,
        "attempts = 1 AND last_error IS NOT NULL AND claimed_by IS NULL",
    )
    .await;
    let seconds = database
        .count("SELECT extract(epoch FROM next_attempt_at - now())::bigint FROM identite_outbox")
        .await;
    assert!((15..=30).contains(&seconds), "the next attempt is in {seconds} s");

    server
        .mailbox
        .set(Behaviour::RefuseMessages("451 4.3.0 try later".into()));
    let_time_pass(database).await;
    wait_for_rows(database, 1, "attempts = 2 AND claimed_by IS NULL").await;
    let seconds = database
        .count("SELECT extract(epoch FROM next_attempt_at - now())::bigint FROM identite_outbox")
        .await;
    assert!(
        (40..=60).contains(&seconds),
        "it waits longer each time: {seconds} s"
    );

    server.mailbox.set(Behaviour::Accept);
    let_time_pass(database).await;
    server.mailbox.wait_for(RECIPIENT, "patient").await;
    wait_for_rows(database, 1, "delivered_at IS NOT NULL AND attempts = 3").await;
    assert_eq!(server.mailbox.mails().len(), 1);
    server.expect_discreet_log(&[RECIPIENT]).await;
}

#[tokio::test]
async fn a_refused_mail_is_kept_as_a_dead_letter() {
    let server = TestServer::start().await;
    let refusal = format!("550 5.1.1 <{RECIPIENT}>: Recipient address rejected");
    server.mailbox.set(Behaviour::RefuseRecipients(refusal));
    commit(server.database(), "undeliverable").await;
    let kept = "dead_at IS NOT NULL AND delivered_at IS NULL AND payload ->> 'subject' = 'undeliverable'";
    wait_for_rows(server.database(), 1, kept).await;
    wait_for_rows(server.database(), 1, "last_error LIKE '%550%'").await;

    // Nobody tries again by itself; an operator may, after the address was repaired.
    server.mailbox.set(Behaviour::Accept);
    let_time_pass(server.database()).await;
    commit(server.database(), "the next one").await;
    server.mailbox.wait_for(RECIPIENT, "the next one").await;
    assert_eq!(server.mailbox.mails().len(), 1);
    server
        .database()
        .execute("UPDATE identite_outbox SET dead_at = NULL, attempts = 0, next_attempt_at = now() WHERE dead_at IS NOT NULL")
        .await;
    server.mailbox.wait_for(RECIPIENT, "undeliverable").await;
    server.expect_discreet_log(&[RECIPIENT, "undeliverable\""]).await;
}

#[tokio::test]
async fn what_is_no_mail_is_kept_and_holds_nothing_up() {
    let server = TestServer::start().await;
    server
        .database()
        .execute(
            "INSERT INTO identite_outbox (kind, payload) VALUES
               ('pigeon', '{\"to\": \"someone@exemple.test\"}'),
               ('mail', '{\"to\": 1}'),
               ('mail', '[\"someone@exemple.test\"]'),
               ('mail', '{\"to\": \"no address\", \"subject\": \"\", \"html\": \"\", \"text\": \"\", \"tag\": \"t\"}'),
               ('mail', '{\"to\": \"a@b.test\", \"subject\": \"a\\r\\nBcc: c@d.test\", \"html\": \"\", \"text\": \"injected\", \"tag\": \"t\"}')",
        )
        .await;
    commit(server.database(), "the next one").await;
    server.mailbox.wait_for(RECIPIENT, "the next one").await;
    wait_for_rows(server.database(), 3, "kind = 'mail' AND dead_at IS NOT NULL").await;
    // A newer version on another node may know it.
    wait_for_rows(
        server.database(),
        1,
        "kind = 'pigeon' AND dead_at IS NULL AND attempts = 1 AND claimed_until IS NULL",
    )
    .await;
    for mail in server.mailbox.wait_for_count(2).await {
        assert_eq!(mail.recipients.len(), 1, "no header makes a recipient");
        assert!(mail.header("Bcc").is_none());
    }
    server
        .expect_discreet_log(&["someone@exemple.test", "no address\""])
        .await;
}

#[tokio::test]
async fn two_nodes_never_deliver_the_same_mail() {
    let server = TestServer::start().await;
    let mut node = server.start_node().await;
    let mut expected: Vec<String> = (0..60).map(|number| format!("mail {number}")).collect();
    for subject in &expected {
        commit(server.database(), subject).await;
    }
    server.mailbox.wait_for_count(expected.len()).await;
    wait_for_rows(server.database(), 60, "delivered_at IS NOT NULL AND attempts = 1").await;
    let mut subjects: Vec<String> = server.mailbox.mails().iter().map(|mail| mail.subject()).collect();
    subjects.sort_unstable();
    expected.sort_unstable();
    assert_eq!(subjects, expected);
    assert!(node.process().is_running());
}

#[tokio::test]
async fn a_mail_that_nobody_has_claimed_survives_kill_9() {
    let mut server = TestServer::start().await;
    server.process().kill();
    commit(server.database(), "committed at last").await;
    server.start_again().await;
    server.mailbox.wait_for(RECIPIENT, "committed at last").await;
}

#[tokio::test]
async fn a_mail_in_the_middle_of_its_delivery_survives_kill_9() {
    for stalling in [Behaviour::StallBeforeGreeting, Behaviour::StallAfterMessage] {
        let mut server = TestServer::start().await;
        server.mailbox.set(stalling.clone());
        commit(server.database(), "interrupted").await;
        server.mailbox.wait_until_somebody_is_stalled().await;
        server.process().kill();
        wait_for_rows(
            server.database(),
            1,
            "claimed_by IS NOT NULL AND delivered_at IS NULL",
        )
        .await;

        // Its lease protects it from others for a while, then it leaves.
        server.mailbox.set(Behaviour::Down);
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.mailbox.set(Behaviour::Accept);
        server.start_again().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(server.mailbox.mails().is_empty(), "{stalling:?}");
        let_time_pass(server.database()).await;
        server.mailbox.wait_for(RECIPIENT, "interrupted").await;
        wait_for_rows(server.database(), 1, "delivered_at IS NOT NULL").await;
        assert_eq!(server.mailbox.mails().len(), 1, "{stalling:?}");
    }
}

#[tokio::test]
async fn a_mail_accepted_as_the_process_dies_comes_again_under_the_same_name() {
    let mut server = TestServer::start().await;
    server.mailbox.set(Behaviour::StallAfterMessage);
    commit(server.database(), "twice").await;
    server.mailbox.wait_until_somebody_is_stalled().await;
    {
        // The acceptance cannot be recorded before the process dies.
        let client = server.database().pool().get().await.expect("a connection");
        client
            .batch_execute("BEGIN; SELECT * FROM identite_outbox FOR UPDATE")
            .await
            .expect("a lock");
        server.mailbox.set(Behaviour::Accept);
        server.mailbox.wait_for(RECIPIENT, "twice").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.process().kill();
        // PostgreSQL would carry out what it was told; it is to look as if it had not been told in time.
        client
            .batch_execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock';
                 ROLLBACK",
            )
            .await
            .expect("the lock is released");
    }
    let_time_pass(server.database()).await;
    server.start_again().await;
    server.mailbox.wait_for_nth(RECIPIENT, "twice", 2).await;
    let names: Vec<Option<String>> = server
        .mailbox
        .mails()
        .iter()
        .map(|mail| mail.header("Message-ID"))
        .collect();
    assert!(names[0].is_some());
    assert_eq!(names[0], names[1], "a receiver can tell that it has it already");
}

#[tokio::test]
async fn a_graceful_stop_lets_current_mails_leave() {
    let mut server = TestServer::start().await;
    server.mailbox.set(Behaviour::StallAfterMessage);
    commit(server.database(), "the last one").await;
    server.mailbox.wait_until_somebody_is_stalled().await;
    server.process().signal("TERM");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(server.process().is_running(), "it waits for the mail");
    server.mailbox.set(Behaviour::Accept);
    let status = server.process().wait(PATIENCE).await;
    assert!(status.success(), "{status}");
    assert_eq!(server.mailbox.mails().len(), 1);
    let delivered = "SELECT count(*) FROM identite_outbox WHERE delivered_at IS NOT NULL";
    assert_eq!(server.database().count(delivered).await, 1);
}

/// The mail server of the tests offers no encryption.
#[tokio::test]
async fn the_url_says_whether_mails_leave_unencrypted() {
    let mailbox = Mailbox::start();
    let with = |option: &str| {
        let url = format!("{}?pool=true&{option}", mailbox.url());
        Options::default().with("SMTP_URL", &url)
    };
    let server = TestServer::start_with(with("requireTLS=true")).await;
    commit(server.database(), "confidential").await;
    wait_for_rows(
        server.database(),
        1,
        "attempts = 1 AND last_error IS NOT NULL AND delivered_at IS NULL",
    )
    .await;
    assert!(mailbox.mails().is_empty());

    let server = TestServer::start_with(with("ignoreTLS=true")).await;
    commit(server.database(), "for everybody").await;
    mailbox.wait_for(RECIPIENT, "for everybody").await;
    assert_eq!(mailbox.mails().len(), 1);
}

#[tokio::test]
async fn on_a_console_mails_are_printed() {
    let server = TestServer::start_with(Options::default().with("SMTP_URL", "console:")).await;
    commit(server.database(), "printed").await;
    wait_for_rows(server.database(), 1, "delivered_at IS NOT NULL").await;
    let log = server.expect_discreet_log(&[]).await;
    assert!(log.contains("Objet : printed"), "{log}");
}
