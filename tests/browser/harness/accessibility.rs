//! Accessibility checks with axe-core, on the page as it is.

use std::fmt::Write as _;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::browser::Browser;
use super::gallery;
use super::screenshots::{Colours, Viewport};
use crate::support::npm_packages;

/// The rules that are run: WCAG 2.0 to 2.2, levels A and AA, and good practice.
const TAGS: [&str; 7] = [
    "wcag2a",
    "wcag2aa",
    "wcag21a",
    "wcag21aa",
    "wcag22a",
    "wcag22aa",
    "best-practice",
];

/// What depends on the colours that the system asks for.
const COLOUR_RULES: [&str; 2] = ["color-contrast", "link-in-text-block"];

/// The fields in error that are not described by a text.
const UNEXPLAINED_ERRORS: &str = "
const isExplained = (field) =>
  (field.getAttribute('aria-describedby') ?? '').split(/\\s+/).some((id) => document.getElementById(id)?.innerText.trim());
return [...document.querySelectorAll('[aria-invalid=true]')].filter((field) => !isExplained(field)).map((field) => field.outerHTML);";

const RUN: &str = "
const [runOnly, done] = arguments;
axe.run(document, { runOnly, resultTypes: ['violations'] }).then(
  (results) => done({ violations: results.violations }),
  (error) => done({ error: String(error) }),
);";

#[derive(Deserialize)]
struct Outcome {
    error: Option<String>,
    #[serde(default)]
    violations: Vec<Violation>,
}

#[derive(Deserialize)]
struct Violation {
    id: String,
    impact: Option<String>,
    help: String,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    html: String,
    failure_summary: Option<String>,
}

impl Browser {
    /// Checks the page at both widths, and its title: it names the site, and says more than that. While a gallery is made,
    /// also its contrasts in dark colours, and that every field in error says what is wrong.
    ///
    /// # Panics
    /// With the list of violations, when there are any.
    pub async fn expect_accessible(&self) {
        let title = self.title().await;
        assert!(
            title.contains("ProConnect") && title != "ProConnect",
            "“{title}” does not tell pages apart"
        );
        for viewport in Viewport::ALL {
            self.set_viewport(viewport).await;
            let place = format!("{} “{title}” at {} px", self.url().await, viewport.width());
            self.expect_no_violations(&place, &json!({ "type": "tag", "values": TAGS }))
                .await;
        }
        self.set_viewport(Viewport::Desktop).await;
        if gallery::is_being_made() {
            self.expect_accessible_to_all(&title).await;
        }
    }

    /// What is looked at while a gallery is made: contrasts in dark colours, and the words that go with an error.
    async fn expect_accessible_to_all(&self, title: &str) {
        self.set_colours(Colours::Dark).await;
        let place = format!("{} “{title}” in dark colours", self.url().await);
        self.expect_no_violations(&place, &json!({ "type": "rule", "values": COLOUR_RULES }))
            .await;
        self.set_colours(Colours::Light).await;
        self.expect_explained_errors().await;
    }

    /// Runs the rules that `run_only` names, as axe-core wants it, in light and in dark colours.
    ///
    /// # Panics
    /// With the list of violations, when there are any.
    pub async fn expect_no_violations_in_any_colours(&self, name: &str, run_only: &Value) {
        for colours in Colours::ALL.into_iter().rev() {
            self.set_colours(colours).await;
            let place = format!("{name} in {} colours", colours.name());
            self.expect_no_violations(&place, run_only).await;
        }
    }

    async fn expect_no_violations(&self, place: &str, run_only: &Value) {
        let violations = self.violations(run_only).await;
        assert!(
            violations.is_empty(),
            "{} violations on {place}:\n{}",
            violations.len(),
            described(&violations)
        );
    }

    /// Every field in error names a text that is there.
    async fn expect_explained_errors(&self) {
        let unexplained = self
            .driver
            .execute(UNEXPLAINED_ERRORS, Vec::new())
            .await
            .expect("the fields of the page");
        let unexplained: Vec<String> = unexplained.convert().expect("a list");
        assert!(
            unexplained.is_empty(),
            "fields on {} that do not say what is wrong: {unexplained:#?}",
            self.url().await
        );
    }

    async fn violations(&self, run_only: &Value) -> Vec<Violation> {
        self.driver
            .execute(axe(), Vec::new())
            .await
            .expect("axe is loaded");
        let outcome = self
            .driver
            .execute_async(RUN, vec![run_only.clone()])
            .await
            .expect("axe has run");
        let outcome: Outcome = outcome.convert().expect("results of axe");
        assert!(
            outcome.error.is_none(),
            "axe failed: {}",
            outcome.error.unwrap_or_default()
        );
        outcome.violations
    }
}

fn described(violations: &[Violation]) -> String {
    let mut text = String::new();
    for violation in violations {
        let impact = violation.impact.as_deref().unwrap_or("unknown impact");
        writeln!(text, "* {} ({impact}): {}", violation.id, violation.help).expect("a string");
        for node in &violation.nodes {
            let summary = node
                .failure_summary
                .as_deref()
                .unwrap_or_default()
                .replace('\n', " ");
            writeln!(text, "    {}\n      {summary}", node.html).expect("a string");
        }
    }
    text
}

/// The source of axe-core.
fn axe() -> &'static str {
    static SOURCE: OnceLock<String> = OnceLock::new();
    SOURCE.get_or_init(|| {
        let path = npm_packages("tests/browser").join("node_modules/axe-core/axe.min.js");
        std::fs::read_to_string(path).expect("axe-core is installed")
    })
}
