//! What must hold on every page. With `PAGES_DIR` set, the documents are also written there, to be looked at in a
//! browser.

use std::collections::HashSet;

use scraper::{ElementRef, Html, Selector};

use super::samples::samples;

/// The elements a selector finds.
pub fn all<'a>(document: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    document.select(&Selector::parse(selector).unwrap()).collect()
}

/// The text of an element, blanks collapsed.
pub fn text(element: &ElementRef) -> String {
    element
        .text()
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The only element a selector finds.
pub fn one<'a>(name: &str, document: &'a Html, selector: &str) -> ElementRef<'a> {
    let found = all(document, selector);
    assert_eq!(found.len(), 1, "{name}: {selector}");
    found[0]
}

#[test]
fn every_page_is_well_formed() {
    for (name, html) in samples() {
        if let Ok(folder) = std::env::var("PAGES_DIR") {
            std::fs::write(format!("{folder}/{name}.html"), &html).unwrap();
        }
        let document = Html::parse_document(&html);
        assert_eq!(one(name, &document, "html").attr("lang"), Some("fr"), "{name}");
        assert!(!text(&one(name, &document, "title")).is_empty(), "{name}");
        one(name, &document, "h1");
        one(name, &document, "main");
        check_ids(name, &document);
        check_forms(name, &document);
        check_nothing_is_inline_or_foreign(name, &document);
        check_headings(name, &document);
    }
}

/// Ids are unique, and what is referred to exists.
fn check_ids(name: &str, document: &Html) {
    let mut ids = HashSet::new();
    for element in all(document, "[id]") {
        assert!(
            ids.insert(element.attr("id").unwrap()),
            "{name}: id {:?} twice",
            element.attr("id")
        );
    }
    for attribute in ["for", "aria-describedby", "aria-labelledby", "aria-controls"] {
        for element in all(document, &format!("[{attribute}]")) {
            for id in element.attr(attribute).unwrap().split_whitespace() {
                assert!(ids.contains(id), "{name}: {attribute}={id:?} refers to nothing");
            }
        }
    }
    for link in all(document, "a[href^='#']") {
        let target = &link.attr("href").unwrap()[1..];
        assert!(
            target.is_empty() || ids.contains(target),
            "{name}: no target #{target}"
        );
    }
}

/// Forms carry their token, fields their label, buttons their kind.
fn check_forms(name: &str, document: &Html) {
    let is_relay = name == "form-post";
    for form in all(document, "form") {
        let carries_token = form
            .select(&Selector::parse("input[name=_csrf]").unwrap())
            .count()
            == 1;
        let is_post = form.attr("method") == Some("post");
        assert_eq!(
            carries_token,
            is_post && !is_relay,
            "{name}: form {:?}",
            form.attr("action")
        );
        assert!(
            form.attr("action").is_some_and(|action| !action.is_empty()),
            "{name}"
        );
    }
    let labels: HashSet<_> = all(document, "label[for]")
        .iter()
        .filter_map(|label| label.attr("for"))
        .collect();
    // Hidden fields tell password managers whose password is typed.
    for field in all(
        document,
        "input:not([type=hidden]):not([hidden]), select, textarea",
    ) {
        assert!(
            field.attr("id").is_some_and(|id| labels.contains(id)),
            "{name}: {:?}",
            field.html()
        );
    }
    for button in all(document, "button") {
        let is_resend = button
            .attr("class")
            .is_some_and(|class| class.contains("disabled-with-countdown"));
        assert!(
            is_resend || button.attr("type").is_some(),
            "{name}: {:?}",
            button.html()
        );
    }
}

/// The content policy forbids inline scripts and handlers; nothing is loaded from another site.
fn check_nothing_is_inline_or_foreign(name: &str, document: &Html) {
    for script in all(document, "script") {
        assert!(
            script.attr("src").is_some_and(|src| src.starts_with("/dist/")),
            "{name}: {}",
            script.html()
        );
    }
    for element in all(document, "img, link, source, iframe") {
        let address = element.attr("src").or(element.attr("href")).unwrap_or_default();
        assert!(
            address.starts_with("/dist/") || address == "/favicon.ico" || address.starts_with("data:image/")
        );
    }
    for element in all(document, "*") {
        for (attribute, _) in element.value().attrs() {
            assert!(
                !attribute.starts_with("on") && attribute != "style",
                "{name}: {attribute} in {}",
                element.html()
            );
        }
    }
    for link in all(document, "a[target=_blank]") {
        assert_eq!(link.attr("rel"), Some("noopener noreferrer"), "{name}");
        assert!(
            link.attr("title")
                .is_some_and(|title| title.ends_with("(nouvelle fenêtre)")),
            "{name}"
        );
    }
}

/// No level of heading is skipped and none is empty.
fn check_headings(name: &str, document: &Html) {
    let mut previous = 0;
    for heading in all(document, "h1, h2, h3, h4") {
        let level = heading.value().name()[1..].parse::<u8>().unwrap();
        assert!(level <= previous + 1, "{name}: h{previous} then h{level}");
        assert!(!text(&heading).is_empty(), "{name}: empty h{level}");
        previous = level;
    }
}
