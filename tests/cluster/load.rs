//! Many people at once, for as long as a test wants, and the account of it afterwards.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::cluster::{Cluster, PEOPLE, address};
use super::figures::Figures;
use super::person::{Person, redeem};

/// How long mails may take to arrive once everything works: a lease of a node that died must pass.
const MAIL_PATIENCE: Duration = Duration::from_mins(1);

/// People under way.
pub struct Load {
    pub figures: Arc<Figures>,
    is_over: Arc<AtomicBool>,
    people: JoinSet<Outcome>,
    /// People who are signed in and do nothing meanwhile.
    resting: Vec<Person>,
}

struct Outcome {
    email: String,
    /// Mails that an answer promised.
    promised: u64,
}

impl Load {
    /// Signs a third of the people in, who then rest, and sends the others around: to a relying party, to the mailbox, out.
    pub async fn start(cluster: &Cluster) -> Self {
        let figures = Arc::new(Figures::default());
        let is_over = Arc::new(AtomicBool::new(false));
        let person = |number: usize| Person {
            visitor: cluster.visitor(),
            email: address(number),
            figures: figures.clone(),
        };
        let authorization = cluster.authorization_path();
        let mut resting = Vec::new();
        for number in 0..PEOPLE / 3 {
            let person = person(number);
            person.obtain_code(&authorization).await;
            assert!(person.is_signed_in().await);
            resting.push(person);
        }
        let mut people = JoinSet::new();
        for number in PEOPLE / 3..PEOPLE {
            let person = person(number);
            let (client, url) = (cluster.client.clone(), cluster.url.clone());
            let (authorization, is_over) = (authorization.clone(), is_over.clone());
            people.spawn(async move {
                let mut promised = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let code = person.obtain_code(&authorization).await;
                    if redeem(&client, &url, &code, &person.figures).await.is_some() {
                        person.figures.count(|figures| &figures.journeys);
                    } else {
                        person.figures.count(|figures| &figures.begun_anew);
                    }
                    person.sign_out().await;
                    if person.is_signed_in().await {
                        person.figures.count(|figures| &figures.sessions_revived);
                    }
                    promised += u64::from(promised == 0 && person.ask_for_reset().await);
                }
                Outcome {
                    email: person.email,
                    promised,
                }
            });
        }
        Self {
            figures,
            is_over,
            people,
            resting,
        }
    }

    /// Waits until so many more journeys have come to their end: whatever happened, things go on.
    pub async fn wait_for_journeys(&self, more: u64) {
        let before = self.figures.get(|figures| &figures.journeys);
        let started = Instant::now();
        while self.figures.get(|figures| &figures.journeys) < before + more {
            assert!(
                started.elapsed() < Duration::from_secs(90),
                "journeys come to a halt: {}",
                self.figures
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Lets everybody finish, and counts what was lost and what was doubled.
    pub async fn end(mut self, cluster: &Cluster) -> Arc<Figures> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut promised = HashMap::new();
        while let Some(outcome) = self.people.join_next().await {
            let outcome = outcome.expect("nobody gave up");
            promised.insert(outcome.email, outcome.promised);
        }
        for person in &self.resting {
            if !person.is_signed_in().await {
                self.figures.count(|figures| &figures.sessions_lost);
            }
        }
        self.count_mails(cluster, &promised).await;
        self.figures
    }

    async fn count_mails(&self, cluster: &Cluster, promised: &HashMap<String, u64>) {
        let waiting = "SELECT count(*) FROM identite_outbox WHERE delivered_at IS NULL AND dead_at IS NULL";
        let started = Instant::now();
        while cluster.database().count(waiting).await > 0 {
            // What a node that died had claimed is free when its lease ends, and what failed is tried again later: now.
            cluster
                .database()
                .execute("UPDATE identite_outbox SET next_attempt_at = now(), claimed_until = least(claimed_until, now() + interval '2 seconds') WHERE delivered_at IS NULL AND dead_at IS NULL AND attempts > 0")
                .await;
            assert!(started.elapsed() < MAIL_PATIENCE, "mails stay in the outbox");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let enqueued = "SELECT count(*) FROM identite_outbox WHERE kind = 'mail'";
        let enqueued = u64::try_from(cluster.database().count(enqueued).await).expect("a count");
        let mails = cluster.first.mailbox.mails();
        self.figures.mails.store(enqueued, Ordering::Relaxed);
        let mut resets: HashMap<String, u64> = HashMap::new();
        let mut seen: HashMap<String, u64> = HashMap::new();
        for mail in &mails {
            let recipient = mail.recipients.first().cloned().unwrap_or_default();
            if mail.subject().contains("mot de passe") {
                *resets.entry(recipient).or_default() += 1;
            }
            *seen
                .entry(mail.header("Message-ID").unwrap_or_default())
                .or_default() += 1;
        }
        let add = |counter: &AtomicU64, number: u64| counter.fetch_add(number, Ordering::Relaxed);
        for (email, promised) in promised {
            let came = resets.get(email).copied().unwrap_or_default();
            add(&self.figures.mails_lost, promised.saturating_sub(came));
        }
        let came = u64::try_from(mails.len()).expect("a count");
        add(&self.figures.mails_lost, enqueued.saturating_sub(came));
        add(&self.figures.mails_doubled, came.saturating_sub(enqueued));
    }
}
