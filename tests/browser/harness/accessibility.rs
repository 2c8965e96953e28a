//! Accessibility checks with axe-core, on the page as it is.

use std::fmt::Write as _;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::json;

use super::browser::Browser;
use super::screenshots::Viewport;
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

const RUN: &str = "
const [tags, done] = arguments;
axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] }).then(
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
    /// Checks the page at both widths, and its title: it names the site, and says more than that.
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
            let violations = self.violations().await;
            assert!(
                violations.is_empty(),
                "{} violations on {} “{title}” at {} px:\n{}",
                violations.len(),
                self.url().await,
                viewport.width(),
                described(&violations)
            );
        }
        self.set_viewport(Viewport::Desktop).await;
    }

    async fn violations(&self) -> Vec<Violation> {
        self.driver
            .execute(axe(), Vec::new())
            .await
            .expect("axe is loaded");
        let outcome = self
            .driver
            .execute_async(RUN, vec![json!(TAGS)])
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
