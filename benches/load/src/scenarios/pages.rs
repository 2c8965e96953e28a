//! Single pages: what every visit begins with.

use std::collections::BTreeSet;

use super::{Bench, Findings};
use crate::browser::Browser;
use crate::drive::repeat_exactly;
use crate::error::LoadError;
use crate::http::Response;
use crate::journey::{PageVisit, START_SIGN_IN, Target};
use crate::report::{Budget, Measurement};

/// Visits over which the stores' counters are averaged.
const COUNTED: u32 = 200;
/// For a first visit, fonts apart.
const MOST_KILOBYTES: f64 = 60.0;

pub async fn discovery(bench: &Bench) -> Result<Findings, LoadError> {
    visit(bench, "discovery", "GET discovery document", PageVisit::discovery).await
}

pub async fn sign_in_page(bench: &Bench) -> Result<Findings, LoadError> {
    let operation = "GET start-sign-in by a new visitor, compressed";
    let mut findings = visit(bench, "sign-in-page", operation, PageVisit::sign_in_page).await?;

    let server = bench.start_server("sign-in-page")?;
    let weight = Weight::of_page(bench, START_SIGN_IN).await?;
    server.stop()?;
    let kilobytes = f64::from(weight.bytes) / 1000.0;
    findings.budgets.push(Budget::below(
        "first visit, transferred without fonts",
        MOST_KILOBYTES,
        kilobytes,
        " kB",
    ));
    findings.budgets.push(Budget::no_failures(
        "first visit: third-party requests",
        weight.third_party,
    ));
    Ok(findings)
}

/// What a first visit transfers.
#[derive(Default)]
struct Weight {
    bytes: u32,
    third_party: u64,
}

impl Weight {
    /// The page and everything that its markup names. What style sheets name in turn (fonts, icons) is left out: browsers
    /// fetch of it what the page shows.
    async fn of_page(bench: &Bench, path: &str) -> Result<Self, LoadError> {
        let mut browser = Browser::new(bench.target.address, &bench.target.origin);
        let page = browser.get(path).await?;
        let mut weight = Self::default();
        weight.add(&page);
        for reference in references(&page.text()?) {
            if !reference.starts_with('/') || reference.starts_with("//") {
                weight.third_party += 1;
                continue;
            }
            let file = browser.get(&reference).await?;
            weight.add(&file);
        }
        Ok(weight)
    }

    fn add(&mut self, response: &Response) {
        self.bytes += u32::try_from(response.transferred).unwrap_or(u32::MAX);
    }
}

/// What the `link`, `script` and `img` elements of a page refer to and a browser fetches by itself, each once.
fn references(html: &str) -> BTreeSet<String> {
    let attribute = |tag: &str, name: &str| {
        let value = tag.split(&format!(" {name}=\"")).nth(1)?;
        value.split('"').next().map(str::to_owned)
    };
    let reference = |tag: &str| match tag.split_whitespace().next()? {
        "link" if tag.contains("stylesheet") || tag.contains("icon") || tag.contains("manifest") => {
            attribute(tag, "href")
        }
        "script" | "img" => attribute(tag, "src"),
        _ => None,
    };
    html.split('<')
        .filter_map(|text| reference(text.split('>').next()?))
        .filter(|reference| !reference.starts_with("data:"))
        .collect()
}

async fn visit(
    bench: &Bench,
    scenario: &'static str,
    operation: &str,
    page: impl Fn(&Target) -> PageVisit,
) -> Result<Findings, LoadError> {
    let server = bench.start_server(scenario)?;

    let mut one = page(&bench.target);
    repeat_exactly(&mut one, COUNTED).await?;
    let before = bench.stores.snapshot().await?;
    repeat_exactly(&mut one, COUNTED).await?;
    let calls = bench.stores.calls_since(&before, COUNTED).await?;

    let (load, shape) = bench.closed_loop(|_| page(&bench.target));
    let (summary, usage) = bench.measure_one(load, &server).await?;
    server.stop()?;

    Ok(Findings {
        budgets: vec![Budget::no_failures(
            format!("{scenario}: failures"),
            summary.failed,
        )],
        measurements: vec![Measurement {
            scenario,
            operation: operation.to_owned(),
            load: shape,
            summary,
            usage: Some(usage),
            calls: Some(calls),
        }],
        ..Findings::default()
    })
}

#[cfg(test)]
mod tests {
    use super::references;

    #[test]
    fn what_a_browser_fetches_by_itself() {
        let html = r#"<html><head><link rel="stylesheet" href="/dist/a.css"><link href="/x" rel="canonical">
            <link rel="icon" href="/favicon.ico"></head><body><a href="/users">x</a><img alt="" src="/dist/l.svg">
            <img src="data:image/png;base64,AA"><script defer src="https://stats.example/s.js"></script></body>"#;
        let found: Vec<_> = references(html).into_iter().collect();
        assert_eq!(
            found,
            [
                "/dist/a.css",
                "/dist/l.svg",
                "/favicon.ico",
                "https://stats.example/s.js"
            ]
        );
    }
}
