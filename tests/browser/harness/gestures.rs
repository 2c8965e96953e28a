//! What people do besides clicking and typing: pasting, answering dialogues, coming with another browser.

use std::time::{Duration, Instant};

use serde_json::json;

use super::browser::Browser;

/// How long something may take to change its state.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_PAUSE: Duration = Duration::from_millis(50);

impl Browser {
    /// Puts a text where the focus is in one go, as a paste does.
    pub async fn paste(&self, text: &str) {
        self.driver
            .cdp()
            .send_raw("Input.insertText", json!({ "text": text }))
            .await
            .expect("a paste");
    }

    /// Agrees to the dialogue that is open.
    pub async fn agree(&self) {
        self.driver.accept_alert().await.expect("a dialogue");
    }

    /// Closes the dialogue that is open without agreeing.
    pub async fn disagree(&self) {
        self.driver.dismiss_alert().await.expect("a dialogue");
    }

    /// From now on this is a browser that has never been here.
    pub async fn forget_everything(&self) {
        self.driver.delete_all_cookies().await.expect("no cookies");
    }

    /// Empties the first visible field that `selector` finds and types into it.
    pub async fn retype(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.clear().await.expect("an empty field");
        field.send_keys(text).await.expect("typing");
    }

    /// Signs in with an address and a password, on the pages where a service or an ended session has led.
    pub async fn sign_in(&self, email: &str, password: &str) {
        self.retype("[name=login]", email).await;
        self.click("[action='/users/start-sign-in'] [type=submit]").await;
        self.type_into_label("Renseignez votre mot de passe", password)
            .await;
        self.click_caption("S’identifier").await;
    }

    /// Whether the first visible element that `selector` finds can be used.
    pub async fn is_enabled(&self, selector: &str) -> bool {
        self.find(selector).await.is_enabled().await.expect("a state")
    }

    /// Waits until the element that `selector` finds can be used, or cannot.
    pub async fn expect_enabled(&self, selector: &str, expected: bool) {
        let deadline = Instant::now() + PATIENCE;
        while self.is_enabled(selector).await != expected {
            assert!(
                Instant::now() < deadline,
                "{selector} is usable: {}, on {}",
                !expected,
                self.url().await
            );
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Whether any element that `selector` finds is shown.
    pub async fn shows(&self, selector: &str) -> bool {
        let script = "return [...document.querySelectorAll(arguments[0])].some((element) => element.checkVisibility());";
        let shown = self.driver.execute(script, vec![json!(selector)]).await;
        shown.expect("a look").convert().expect("a truth value")
    }

    /// A property of the element that `selector` finds, shown or not.
    pub async fn property(&self, selector: &str, name: &str) -> String {
        let script = "return String(document.querySelector(arguments[0])[arguments[1]]);";
        let value = self
            .driver
            .execute(script, vec![json!(selector), json!(name)])
            .await;
        value.expect("a look").convert().expect("a text")
    }

    /// Sends a form past its listeners, as the suite of the reference does: no dialog asks.
    pub async fn submit_past_listeners(&self, selector: &str) {
        let script = "document.querySelector(arguments[0]).submit();";
        let sending = self.driver.execute(script, vec![json!(selector)]).await;
        sending.expect("the form is there");
    }

    /// Sends a form as a browser without scripts does: nothing says that it was confirmed.
    pub async fn submit_unconfirmed(&self, selector: &str) {
        let script = "const form = document.querySelector(arguments[0]);
            form.elements.namedItem('confirmed').remove();
            form.submit();";
        let sending = self.driver.execute(script, vec![json!(selector)]).await;
        sending.expect("the form is there, with its field");
    }

    /// Sends a form twice without any button. Gives what was asked; the answer is no.
    pub async fn refuse_submission(&self, selector: &str) -> Vec<String> {
        let script = "const { confirm } = window, form = document.querySelector(arguments[0]), asked = [];
            window.confirm = (question) => {
              asked.push(question);
              return false;
            };
            form.requestSubmit();
            form.requestSubmit();
            window.confirm = confirm;
            return asked;";
        let sending = self.driver.execute(script, vec![json!(selector)]).await;
        sending.expect("the form is there").convert().expect("questions")
    }

    /// From now on notes, at each input, how far the element is from the top of the page before any answer can arrive.
    pub async fn note_place_at_input(&self, selector: &str) {
        let script = "const element = document.querySelector(arguments[0]);
            document.addEventListener('input', () => {
              document.documentElement.dataset.place = element.getBoundingClientRect().top + scrollY;
            });";
        let noting = self.driver.execute(script, vec![json!(selector)]).await;
        noting.expect("the script runs");
    }

    /// How far the element is from the noted place, in CSS pixels.
    pub async fn moved_since_input(&self, selector: &str) -> f64 {
        let script = "const top = document.querySelector(arguments[0]).getBoundingClientRect().top + scrollY;
            return top - Number(document.documentElement.dataset.place);";
        let moved = self.driver.execute(script, vec![json!(selector)]).await;
        moved
            .expect("the script runs")
            .convert()
            .expect("a place was noted")
    }
}
