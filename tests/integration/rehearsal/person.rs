//! Somebody who signs up, signs in and goes to services, whichever server answers: they read the page and do what it asks.

use serde_json::Value;

use super::world::{Visit, World};
use crate::support::{Authenticator, KeyKind, Page, TotpApplication, Visitor, parameter};

const VERIFY_EMAIL: &str = "Vérification de votre adresse email";
const MAGIC_LINK: &str = "Lien de connexion à ProConnect";
const RESET_PASSWORD: &str = "Instructions pour la réinitialisation du mot de passe";

/// Pages in a row that somebody goes through before something is wrong.
const MAX_PAGES: usize = 16;

/// A person with one browser at a time.
pub struct Person {
    pub email: String,
    pub password: String,
    /// The organization that they ask to join when asked for one.
    pub siret: String,
    pub application: Option<TotpApplication>,
    pub passkey: Option<Authenticator>,
    pub visitor: Visitor,
    /// Paths that the browser showed during the last walk, in order.
    pub trail: Vec<String>,
    /// Codes by e-mail that were used, or died.
    pub codes: usize,
}

impl Person {
    /// Somebody without account, in a browser without cookies.
    pub fn new(world: &World, name: &str, day: &str, siret: &str) -> Self {
        Self::with_address(world, &format!("{name}.{day}@exemple.fr"), siret)
    }

    /// [`Person::new`] with an address of their own.
    pub fn with_address(world: &World, email: &str, siret: &str) -> Self {
        Self {
            email: email.to_owned(),
            password: format!("la phrase de passe qui ouvre {}", email.len()),
            siret: siret.to_owned(),
            application: None,
            passkey: None,
            visitor: Visitor::new(&world.url),
            trail: Vec::new(),
            codes: 0,
        }
    }

    /// Goes on in a browser without cookies.
    pub fn take_another_browser(&mut self, world: &World) {
        self.visitor = Visitor::new(&world.url);
    }

    /// Opens a path and does what each page asks, until one asks for nothing, or its path begins with `until` (if that is not empty).
    pub async fn walk(&mut self, world: &World, path: &str, until: &str) -> Page {
        let page = self.visitor.get(path).await;
        self.walk_on(world, page, until).await
    }

    /// [`Person::walk`] from a page that is open.
    pub async fn walk_on(&mut self, world: &World, mut page: Page, until: &str) -> Page {
        self.trail.clear();
        for _ in 0..MAX_PAGES {
            assert!(
                page.status.as_u16() < 400,
                "{} for {} after {:?}: {}",
                page.status,
                self.email,
                self.trail,
                page.text()
            );
            let path = page.url.path().to_owned();
            self.trail.push(path.clone());
            if (!until.is_empty() && path.starts_with(until)) || page.status.is_redirection() {
                return page;
            }
            let Some(next) = self.answer(world, &page, &path).await else {
                return page;
            };
            page = next;
        }
        panic!("{} goes round in circles: {:?}", self.email, self.trail);
    }

    /// What follows when the page is answered; `None` when it asks for nothing.
    async fn answer(&mut self, world: &World, page: &Page, path: &str) -> Option<Page> {
        let email = self.email.clone();
        let password = self.password.clone();
        let siret = self.siret.clone();
        let fields = match path {
            "/users/start-sign-in" => vec![("login", email)],
            "/users/sign-in" | "/users/sign-up" => vec![("password", password)],
            "/users/verify-email" => vec![("verify_email_token", self.next_code(world).await)],
            "/users/2fa-sign-in" => {
                let code = self.one_time_code().await;
                let action = "/users/2fa-sign-in-with-totp";
                return Some(self.visitor.submit(page, action, &[("totpToken", &code)]).await);
            }
            "/users/organization-suggestions" => {
                let form = "/users/join-organization?do_not_propose_suggestions=true";
                return Some(self.visitor.get(form).await);
            }
            "/users/join-organization" => vec![("siret", siret)],
            "/users/join-organization-confirm" => {
                return Some(self.visitor.submit(page, "/users/join-organization", &[]).await);
            }
            "/users/personal-information" => {
                vec![
                    ("given_name", "Jeanne".to_owned()),
                    ("family_name", "Dupuis".to_owned()),
                ]
            }
            "/users/welcome" => Vec::new(),
            contact if contact.starts_with("/users/official-contact-email-verification/") => {
                let code = world.contact_code().await;
                vec![("official_contact_email_verification_token", code)]
            }
            _ => return None,
        };
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        Some(self.visitor.submit(page, path, &fields).await)
    }

    async fn next_code(&mut self, world: &World) -> String {
        self.codes += 1;
        self.mailed_code(world, self.codes).await
    }

    /// The code of the `rank`th mail (from 1) that proves the address.
    pub async fn mailed_code(&self, world: &World, rank: usize) -> String {
        let mail = world.mailbox.wait_for_nth(&self.email, VERIFY_EMAIL, rank).await;
        mail.code(10).expect("ten digits")
    }

    /// How many codes were mailed.
    pub fn count_mailed_codes(&self, world: &World) -> usize {
        let mails = world.mailbox.mails();
        let is_code = |mail: &&std::sync::Arc<crate::support::Mail>| {
            mail.subject() == VERIFY_EMAIL && mail.recipients.contains(&self.email)
        };
        mails.iter().filter(is_code).count()
    }

    async fn one_time_code(&mut self) -> String {
        let application = self.application.as_mut();
        application
            .expect("somebody with an application")
            .fresh_code()
            .await
    }

    /// Goes to a service, and gives what it learns.
    pub async fn go_to_service(&mut self, world: &World, number: usize) -> Visit {
        let code = self.bring_code(world, number).await;
        let visit = world.redeem(number, &code).await;
        assert_eq!(visit.email, self.email);
        assert_eq!(visit.siret, self.siret);
        visit
    }

    /// Goes to a service, and gives the code that it gets and does not redeem yet.
    pub async fn bring_code(&mut self, world: &World, number: usize) -> String {
        let page = self.walk(world, world.request(number).as_str(), "").await;
        let code = parameter(&page.location(), "code");
        code.unwrap_or_else(|| panic!("{} after {:?}", page.location(), self.trail))
    }

    /// Adds an application of one-time codes in the account.
    pub async fn add_application(&mut self, world: &World) {
        let page = self.walk(world, "/totp-configuration", "").await;
        let key = page.texts("#humanReadableTotpKey");
        assert_eq!(key.len(), 1, "{:?}: {}", self.trail, page.text());
        self.application = Some(TotpApplication::new(&key[0]));
        let code = self.one_time_code().await;
        let page = self
            .visitor
            .submit(&page, "/totp-configuration", &[("totpToken", &code)])
            .await;
        self.expect(&page, "/connection-and-account", "authenticator_added");
    }

    /// Adds a passkey in the account.
    pub async fn add_passkey(&mut self, world: &World) {
        self.walk(world, "/connection-and-account", "").await;
        let mut passkey = Authenticator::new(KeyKind::P256, world.origin());
        let options = self.options("generate-registration-options").await;
        let answer = passkey.create(&options).to_string();
        let path = "/passkeys/verify-registration";
        let page = self
            .send(path, &[("webauthn_registration_response_string", &answer)])
            .await;
        self.expect(&page, "/connection-and-account", "passkey_successfully_created");
        self.passkey = Some(passkey);
    }

    /// Signs in with the passkey instead of the password.
    pub async fn sign_in_with_passkey(&mut self, world: &World) -> Page {
        self.walk(world, "/users/start-sign-in", "/users/sign-in").await;
        let options = self
            .options("generate-authentication-options-for-first-factor")
            .await;
        let answer = self
            .passkey
            .as_mut()
            .expect("somebody with a passkey")
            .get(&options)
            .to_string();
        let path = "/users/sign-in-with-passkey";
        let page = self
            .send(path, &[("webauthn_authentication_response_string", &answer)])
            .await;
        self.walk_on(world, page, "").await
    }

    async fn options(&self, ceremony: &str) -> Value {
        let page = self.visitor.get(&format!("/api/webauthn/{ceremony}")).await;
        serde_json::from_str(&page.body).unwrap_or_else(|_| panic!("no options: {}", page.body))
    }

    /// Sends what a script sends, with the session's form token.
    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = self.visitor.get("/users/reset-password").await.form_token();
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .copied()
            .chain([("_csrf", token.as_str())])
            .collect();
        self.visitor.post(path, &fields).await
    }

    /// Asks for a link that signs in, and gives it.
    pub async fn ask_for_magic_link(&self, world: &World, rank: usize) -> String {
        let page = self.visitor.start_sign_in(&self.email).await;
        self.visitor.submit(&page, "/users/send-magic-link", &[]).await;
        self.link(world, MAGIC_LINK, rank).await
    }

    /// Uses a link that signs in, and goes on.
    pub async fn use_magic_link(&mut self, world: &World, link: &str) -> Page {
        let page = self.visitor.get(link).await;
        let page = self
            .visitor
            .submit(&page, "/users/sign-in-with-magic-link", &[])
            .await;
        self.walk_on(world, page, "/users/start-sign-in").await
    }

    /// Asks for a link to another password, and gives it.
    pub async fn ask_for_another_password(&self, world: &World, rank: usize) -> String {
        let page = self.visitor.get("/users/reset-password").await;
        self.visitor
            .submit(&page, "/users/reset-password", &[("login", &self.email)])
            .await;
        self.link(world, RESET_PASSWORD, rank).await
    }

    /// Chooses another password with a link; gives the notification that follows.
    pub async fn choose_another_password(&mut self, link: &str, password: &str) -> String {
        let page = self.visitor.get(link).await;
        // A link that is not good may be told of at once.
        if let Some(notification) = parameter(&page.url, "notification") {
            return notification;
        }
        let values = [("password", password), ("confirm_password", password)];
        let page = self
            .visitor
            .submit(&page, "/users/change-password", &values)
            .await;
        let notification = parameter(&page.url, "notification").unwrap_or_default();
        if notification == "password_change_success" {
            password.clone_into(&mut self.password);
        }
        notification
    }

    async fn link(&self, world: &World, subject: &str, rank: usize) -> String {
        let mail = world.mailbox.wait_for_nth(&self.email, subject, rank).await;
        let is_ours = |link: &String| link.contains("_token=");
        mail.links().into_iter().find(is_ours).expect("a link")
    }

    /// Checks where a form led to.
    pub fn expect(&self, page: &Page, path: &str, notification: &str) {
        let found = (
            page.url.path(),
            parameter(&page.url, "notification").unwrap_or_default(),
        );
        assert_eq!(
            found,
            (path, notification.to_owned()),
            "{}: {}",
            self.email,
            page.text()
        );
    }
}
