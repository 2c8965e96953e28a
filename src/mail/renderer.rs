//! From an e-mail's values to an envelope with its two parts.
//!
//! Templates are embedded and compiled once at start, in strict mode: one that names a value its e-mail lacks is a fault
//! found by the tests. Values are escaped in the HTML part and written as they are in the text part.

use std::sync::Arc;

use handlebars::Handlebars;
use rust_embed::RustEmbed;
use serde::Serialize;

use super::envelope::Envelope;
use super::messages::Message;

const EXTENSION: &str = ".hbs";
const FOLDER: &str = "mails/";
/// The support desk.
pub(super) const SUPPORT_EMAIL: &str = "support+identite@proconnect.gouv.fr";

#[derive(RustEmbed)]
#[folder = "templates/mails"]
struct Templates;

/// Why an e-mail could not be made. Always a fault of ours.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("an e-mail template cannot be compiled: {0}")]
    Template(#[from] Box<handlebars::TemplateError>),
    #[error("the e-mail template {0} is not text")]
    NotText(String),
    #[error("an e-mail cannot be rendered: {0}")]
    Render(#[from] handlebars::RenderError),
}

/// Makes e-mails. Cheap to clone.
#[derive(Clone)]
pub struct Mails {
    inner: Arc<Inner>,
}

struct Inner {
    templates: Handlebars<'static>,
    base_url: String,
    logo_url: String,
}

#[derive(Serialize)]
struct View<'a, M> {
    #[serde(flatten)]
    message: &'a M,
    subject: &'static str,
    logo_url: &'a str,
    support_email: &'static str,
}

impl Mails {
    /// Compiles the embedded templates. `base_url`: `HOST`, without a slash at its end; `logo_url`: where mail programs find
    /// the logo.
    ///
    /// # Errors
    /// When a template is not valid.
    pub fn new(base_url: impl Into<String>, logo_url: impl Into<String>) -> Result<Self, MailError> {
        let mut templates = Handlebars::new();
        templates.set_strict_mode(true);
        templates.set_prevent_indent(true);
        for path in Templates::iter() {
            let Some(name) = path.strip_suffix(EXTENSION) else {
                continue;
            };
            let Some(file) = Templates::get(&path) else {
                continue;
            };
            let source = str::from_utf8(&file.data).map_err(|_| MailError::NotText(name.to_owned()))?;
            templates
                .register_template_string(&format!("{FOLDER}{name}"), source)
                .map_err(Box::new)?;
        }
        let inner = Inner {
            templates,
            base_url: base_url.into(),
            logo_url: logo_url.into(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// `HOST`, without a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.inner.base_url
    }

    /// The absolute address of `path`, which begins with a slash, with one parameter whose value needs no escaping: the
    /// characters of our tokens.
    #[must_use]
    pub fn link(&self, path: &str, parameter: &str, token: &str) -> String {
        format!("{}{path}?{parameter}={token}", self.inner.base_url)
    }

    /// The e-mail `message` to `recipient`, ready for the outbox.
    ///
    /// # Errors
    /// When a template asks for something that the message lacks.
    pub fn render<M: Message>(&self, recipient: &str, message: &M) -> Result<Envelope, MailError> {
        let view = View {
            message,
            subject: M::SUBJECT,
            logo_url: &self.inner.logo_url,
            support_email: SUPPORT_EMAIL,
        };
        let part = |format: &str| {
            self.inner
                .templates
                .render(&format!("{FOLDER}{}.{format}", M::NAME), &view)
        };
        Ok(Envelope {
            to: recipient.to_owned(),
            subject: M::SUBJECT.to_owned(),
            html: part("html")?,
            text: part("txt")?,
            tag: M::NAME.to_owned(),
        })
    }
}
