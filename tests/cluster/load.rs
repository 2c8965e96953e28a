//! Many people at once, for as long as a test wants, and the account of it afterwards.

use std::collections::{HashMap, HashSet};
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
    mails: u64,
    /// Requests to join that an answer told of.
    requests_to_join: u64,
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
                let mut outcome = Outcome {
                    email: person.email.clone(),
                    mails: 0,
                    requests_to_join: 0,
                };
                while !is_over.load(Ordering::Relaxed) {
                    let code = person.obtain_code(&authorization).await;
                    if redeem(&client, &url, &code, &person.figures).await.is_some() {
                        person.figures.count(|figures| &figures.journeys);
                        if redeem(&client, &url, &code, &person.figures).await.is_some() {
                            person.figures.count(|figures| &figures.codes_doubled);
                        }
                    } else {
                        person.figures.count(|figures| &figures.begun_anew);
                    }
                    if outcome.requests_to_join == 0 && person.ask_to_join().await {
                        outcome.requests_to_join = 1;
                    }
                    person.sign_out().await;
                    if person.is_signed_in().await {
                        person.figures.count(|figures| &figures.sessions_revived);
                    }
                    if outcome.mails == 0 && person.ask_for_reset().await {
                        outcome.mails = 1;
                    }
                }
                outcome
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
        let mut outcomes = Vec::new();
        while let Some(outcome) = self.people.join_next().await {
            outcomes.push(outcome.expect("nobody gave up"));
        }
        for person in &self.resting {
            if !person.is_signed_in().await {
                self.figures.count(|figures| &figures.sessions_lost);
            }
        }
        self.count_requests_to_join(cluster, &outcomes).await;
        self.count_mails(cluster, &outcomes).await;
        self.figures
    }

    async fn count_requests_to_join(&self, cluster: &Cluster, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let on_record = cluster
                .database()
                .count(&format!(
                    "SELECT count(*) FROM moderations
                     JOIN users ON users.id = moderations.user_id
                     WHERE users.email = '{}'",
                    outcome.email
                ))
                .await;
            self.add(|figures| &figures.moderations, outcome.requests_to_join);
            if on_record == 0 {
                self.add(|figures| &figures.moderations_lost, outcome.requests_to_join);
            }
            if on_record > 1 {
                self.add(|figures| &figures.moderations_doubled, 1);
            }
        }
    }

    fn add(&self, counter: fn(&Figures) -> &AtomicU64, number: u64) {
        counter(&self.figures).fetch_add(number, Ordering::Relaxed);
    }

    /// What was delivered, and under how many names: a mail that is accepted twice under one name is one to its reader.
    async fn count_mails(&self, cluster: &Cluster, outcomes: &[Outcome]) {
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
        let mut resets: HashMap<String, HashSet<String>> = HashMap::new();
        let mut names = HashSet::new();
        for mail in &mails {
            let recipient = mail.recipients.first().cloned().unwrap_or_default();
            let name = mail.header("Message-ID").expect("a name");
            if mail.subject().contains("mot de passe") {
                resets.entry(recipient).or_default().insert(name.clone());
            }
            names.insert(name);
        }
        for outcome in outcomes {
            let came = resets.get(&outcome.email).map_or(0, HashSet::len);
            self.add(
                |figures| &figures.mails_lost,
                outcome.mails.saturating_sub(size(came)),
            );
        }
        let (names, came) = (size(names.len()), size(mails.len()));
        self.add(|figures| &figures.mails_lost, enqueued.saturating_sub(names));
        self.add(|figures| &figures.mails_doubled, names.saturating_sub(enqueued));
        self.add(|figures| &figures.mails_repeated, came.saturating_sub(names));
    }
}

fn size(size: usize) -> u64 {
    u64::try_from(size).expect("a count")
}
