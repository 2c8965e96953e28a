//! An answer of the server as a person sees it: title, text, forms.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION};
use scraper::{ElementRef, Html, Selector};
use url::Url;

/// An answer that the visitor stopped at: a page, or a redirect to another site.
#[derive(Clone, Debug)]
pub struct Page {
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

/// A form of a page with the fields it would send as it is.
#[derive(Clone, Debug)]
pub struct Form {
    /// Where it is sent, as an absolute address.
    pub action: Url,
    /// `GET` or `POST`.
    pub method: String,
    /// Names and values of its inputs, in order.
    pub fields: Vec<(String, String)>,
}

impl Page {
    /// The title, with its blanks collapsed.
    pub fn title(&self) -> String {
        self.texts("title").into_iter().next().unwrap_or_default()
    }

    /// The text of the first `h1`.
    pub fn heading(&self) -> String {
        self.texts("h1").into_iter().next().unwrap_or_default()
    }

    /// The text of the whole page, blanks collapsed, without scripts and styles.
    pub fn text(&self) -> String {
        self.texts("body").into_iter().next().unwrap_or_default()
    }

    /// The texts of the elements that `selector` (CSS) finds, blanks collapsed.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let document = Html::parse_document(&self.body);
        document.select(&parse(selector)).map(text_of).collect()
    }

    /// The values of an attribute on the elements that `selector` finds.
    pub fn attributes(&self, selector: &str, attribute: &str) -> Vec<String> {
        let document = Html::parse_document(&self.body);
        document
            .select(&parse(selector))
            .filter_map(|element| element.attr(attribute))
            .map(str::to_owned)
            .collect()
    }

    /// The forms, in order.
    pub fn forms(&self) -> Vec<Form> {
        let document = Html::parse_document(&self.body);
        let (forms, fields) = (parse("form"), parse("input[name], textarea[name]"));
        document
            .select(&forms)
            .map(|form| Form {
                action: self
                    .url
                    .join(form.attr("action").unwrap_or_default())
                    .expect("a form's action"),
                method: form.attr("method").unwrap_or("get").to_ascii_uppercase(),
                fields: form.select(&fields).filter_map(field).collect(),
            })
            .collect()
    }

    /// The first form that is sent to `path`.
    ///
    /// # Panics
    /// When there is none.
    pub fn form(&self, path: &str) -> Form {
        let forms = self.forms();
        let found = forms.iter().find(|form| form.action.path() == path).cloned();
        found.unwrap_or_else(|| {
            panic!(
                "no form to {path} on {} ({}, “{}”); there are {:?}\n{}",
                self.url,
                self.status,
                self.title(),
                forms.iter().map(|form| form.action.path()).collect::<Vec<_>>(),
                self.text(),
            )
        })
    }

    /// The token that the forms of the page send back.
    ///
    /// # Panics
    /// When there is none.
    pub fn form_token(&self) -> String {
        let tokens = self.attributes("input[name=_csrf]", "value");
        let token = tokens.into_iter().next();
        token.unwrap_or_else(|| panic!("no form token on {}: {}", self.url, self.text()))
    }

    /// Checks that this is the page of an error: in French, with this status, and with this in its text.
    ///
    /// # Panics
    /// When it is not.
    pub fn expect_error(&self, status: u16, text: &str) {
        let what = format!("{} {}: {}", self.url, self.status, self.text());
        assert_eq!(self.status, status, "{what}");
        assert_eq!(self.title(), format!("Erreur {status} - ProConnect"), "{what}");
        assert_eq!(self.attributes("html", "lang"), ["fr"], "{what}");
        assert!(self.text().contains("Une erreur est survenue."), "{what}");
        assert!(self.text().contains(text), "{what}");
        assert!(self.header("cache-control").contains("no-store"), "{what}");
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8", "{what}");
        assert_eq!(self.header("x-request-id").len(), 16, "{what}");
        let reference = format!("Référence à donner au support : {}", self.header("x-request-id"));
        assert!(self.text().contains(&reference), "{what}");
    }

    /// The value of a header; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Where a redirect leads.
    ///
    /// # Panics
    /// When the answer is no redirect.
    pub fn location(&self) -> Url {
        let location = self
            .headers
            .get(LOCATION)
            .and_then(|location| location.to_str().ok());
        let Some(location) = location else {
            panic!(
                "{} is no redirect: {} “{}”\n{}",
                self.url,
                self.status,
                self.title(),
                self.text()
            );
        };
        self.url.join(location).expect("a redirect's target")
    }
}

/// What a field would send; nothing for buttons and boxes that are not ticked.
fn field(element: ElementRef<'_>) -> Option<(String, String)> {
    let name = element.attr("name")?.to_owned();
    let value = match element.attr("type") {
        _ if element.value().name() == "textarea" => element.text().collect(),
        Some("submit" | "button" | "image" | "reset" | "file") => return None,
        Some("checkbox" | "radio") if element.attr("checked").is_none() => return None,
        Some("checkbox" | "radio") => element.attr("value").unwrap_or("on").to_owned(),
        _ => element.attr("value").unwrap_or_default().to_owned(),
    };
    Some((name, value))
}

fn text_of(element: ElementRef<'_>) -> String {
    let mut text = String::new();
    for node in element.descendants() {
        let hidden = node
            .parent()
            .and_then(|parent| {
                parent
                    .value()
                    .as_element()
                    .map(|element| element.name().to_owned())
            })
            .is_some_and(|name| matches!(name.as_str(), "script" | "style" | "template"));
        if let (Some(part), false) = (node.value().as_text(), hidden) {
            text.push_str(part);
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn parse(selector: &str) -> Selector {
    Selector::parse(selector).unwrap_or_else(|error| panic!("{selector:?} is no selector: {error}"))
}
