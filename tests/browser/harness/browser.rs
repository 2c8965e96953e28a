//! What a test does with a browser. Every method waits a while for what it needs and fails with what it saw instead.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use serde_json::json;
use thirtyfour::ChromeCapabilities;
use thirtyfour::prelude::*;
use url::Url;

use super::driver::driver_url;
use super::screenshots::Viewport;

/// How long a page or an element may take to appear.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// Presses of the tab key before an element counts as out of reach.
const MAX_TABS: usize = 80;

/// Whether pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    On,
    Off,
}

/// A browser with a profile of its own.
pub struct Browser {
    pub driver: WebDriver,
}

/// Runs a test in a browser of its own, which is closed afterwards; when the test fails, a picture is kept.
pub async fn browse<F>(test: impl FnOnce(Browser) -> F)
where
    F: Future<Output = ()>,
{
    browse_with(Script::On, test).await;
}

/// [`browse`], with a choice whether pages may run scripts.
pub async fn browse_with<F>(script: Script, test: impl FnOnce(Browser) -> F)
where
    F: Future<Output = ()>,
{
    let driver = WebDriver::new(driver_url(), capabilities(script))
        .await
        .expect("a browser");
    let browser = Browser {
        driver: driver.clone(),
    };
    browser.set_viewport(Viewport::Desktop).await;
    let outcome = AssertUnwindSafe(test(browser)).catch_unwind().await;
    if outcome.is_err() {
        let failed = Browser {
            driver: driver.clone(),
        };
        let name = std::thread::current().name().unwrap_or("test").replace("::", "-");
        failed.screenshot_as_it_is(&format!("failed-{name}")).await;
        eprintln!(
            "the browser was on {} “{}”",
            failed.url().await,
            failed.title().await
        );
    }
    driver.quit().await.expect("the browser closes");
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

fn capabilities(script: Script) -> ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    let arguments = [
        "--headless=new",
        // Inside a container as root the sandbox cannot be set up; the pages are our own.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        "--lang=fr-FR",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // Nothing outside this machine is needed; whatever tries is found out.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    ];
    for argument in arguments {
        capabilities.add_arg(argument).expect("an argument");
    }
    if let Ok(binary) = std::env::var("CHROMIUM_PATH") {
        capabilities.set_binary(&binary).expect("a path");
    }
    let javascript = if script == Script::On { 1 } else { 2 };
    let preferences = json!({
        "profile.managed_default_content_settings.javascript": javascript,
        "credentials_enable_service": false,
        "profile.password_manager_leak_detection": false,
    });
    capabilities
        .add_experimental_option("prefs", preferences)
        .expect("preferences");
    capabilities
}

impl Browser {
    /// Opens an address.
    pub async fn open(&self, url: &Url) {
        self.driver.goto(url.as_str()).await.expect("the page opens");
    }

    /// The address of the page.
    pub async fn url(&self) -> Url {
        self.driver.current_url().await.expect("an address")
    }

    /// The title of the page.
    pub async fn title(&self) -> String {
        self.driver.title().await.expect("a title")
    }

    /// Waits for a page with exactly this title.
    pub async fn expect_title(&self, title: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.title().await;
            if found == title {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the title is “{found}”, not “{title}”, on {}:\n{}",
                self.url().await,
                self.text().await
            );
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// The text of the page, as it is shown.
    pub async fn text(&self) -> String {
        match self.driver.find(By::Tag("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Waits until the page shows this text.
    pub async fn expect_text(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.text().await;
            if shown.contains(text) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "“{text}” is not shown on {}:\n{shown}",
                self.url().await
            );
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// The first visible element that `selector` (CSS) finds; waits for it.
    pub async fn find(&self, selector: &str) -> WebElement {
        self.find_by(By::Css(selector), selector).await
    }

    /// The first visible button or link whose caption contains `text`; waits for it.
    pub async fn find_caption(&self, text: &str) -> WebElement {
        let quoted = xpath_literal(text);
        let path = format!("(//button|//a|//summary)[contains(normalize-space(.), {quoted})]");
        self.find_by(By::XPath(path), text).await
    }

    /// Clicks the label of a field, as one that is ticked has it beside.
    pub async fn click_label(&self, text: &str) {
        let path = format!("//label[contains(normalize-space(.), {})]", xpath_literal(text));
        let label = self.find_by(By::XPath(path), text).await;
        label.click().await.expect("the label can be clicked");
    }

    async fn find_by(&self, by: By, description: &str) -> WebElement {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Between two pages, elements come and go: what cannot be looked at now is looked at again.
            for element in self.driver.find_all(by.clone()).await.unwrap_or_default() {
                if element.is_displayed().await.unwrap_or(false) {
                    return element;
                }
            }
            assert!(
                Instant::now() < deadline,
                "no visible {description} on {} “{}”:\n{}",
                self.url().await,
                self.title().await,
                self.text().await
            );
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Clicks the first visible element that `selector` finds, once it can be clicked.
    pub async fn click(&self, selector: &str) {
        self.find(selector)
            .await
            .click_when_ready()
            .await
            .expect("a click");
    }

    /// Clicks the button or link whose caption contains `text`.
    pub async fn click_caption(&self, text: &str) {
        self.find_caption(text)
            .await
            .click_when_ready()
            .await
            .expect("a click");
    }

    /// Clicks the label with this text and types into the field that gets the focus.
    pub async fn type_into_label(&self, label: &str, text: &str) {
        self.click_label(label).await;
        self.type_text(text).await;
    }

    /// Types into whatever has the focus.
    pub async fn type_text(&self, text: &str) {
        self.driver
            .action_chain()
            .send_keys(text)
            .perform()
            .await
            .expect("typing");
    }

    /// Presses a key.
    pub async fn press(&self, key: Key) {
        self.driver
            .action_chain()
            .send_keys(key)
            .perform()
            .await
            .expect("a key");
    }

    /// Presses the tab key until the focus is on an element that matches `selector`.
    ///
    /// # Panics
    /// When the keyboard does not get there, or the focus cannot be seen on the way there.
    pub async fn tab_to(&self, selector: &str) {
        let mut passed = Vec::new();
        for _ in 0..MAX_TABS {
            let focus = self
                .driver
                .execute(
                    "const element = document.activeElement, style = getComputedStyle(element);
                     return {
                       there: element.matches(arguments[0]),
                       isPage: element === document.body,
                       visible: style.outlineStyle !== 'none' || style.boxShadow !== 'none',
                       name: element.outerHTML.slice(0, 120),
                     };",
                    vec![json!(selector)],
                )
                .await
                .expect("the focus")
                .json()
                .clone();
            if focus["isPage"] == false {
                assert!(
                    focus["visible"] == true,
                    "the focus cannot be seen on {}",
                    focus["name"]
                );
            }
            if focus["there"] == true {
                return;
            }
            passed.push(focus["name"].to_string());
            self.press(Key::Tab).await;
        }
        panic!(
            "{selector} is out of reach of the keyboard; the focus went over\n{}",
            passed.join("\n")
        );
    }
}

/// A text as an `XPath` literal, whatever quotes it has.
fn xpath_literal(text: &str) -> String {
    if !text.contains('\'') {
        return format!("'{text}'");
    }
    let parts: Vec<String> = text.split('\'').map(|part| format!("'{part}'")).collect();
    format!("concat({})", parts.join(", \"'\", "))
}
