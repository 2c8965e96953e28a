//! Pages from their models: one handlebars template a page, inside one of a few layouts.
//!
//! Templates are embedded, compiled once at start, in strict mode: a template that names a field its model lacks
//! is a fault found by the tests, never an empty place on a page. Every value is escaped.

use std::borrow::Cow;
use std::sync::Arc;

use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason};
use rust_embed::RustEmbed;
use serde::Serialize;

use super::assets::Assets;
use super::confirmations::Question;
use super::legal_texts::LegalTexts;
use super::notifications::Notification;

const EXTENSION: &str = ".hbs";
/// E-mails are rendered by the mail room.
const MAILS: &str = "mails/";
const PRODUCT: &str = "ProConnect";

#[derive(RustEmbed)]
#[folder = "templates"]
struct Templates;

/// What a page is made of: a serializable model and the template that shows it.
pub trait Page: Serialize {
    /// Name of the template below `templates/`, without extension.
    const TEMPLATE: &'static str;
    /// What stands around the page.
    const LAYOUT: Layout;
    /// Whether the message of the shell is shown; some pages have no place for one.
    const SHOWS_NOTIFICATION: bool = true;

    /// The title, without prefix and product name; may be empty.
    fn title(&self) -> Cow<'_, str>;

    /// The error an error page shows, named in its title.
    fn error_code(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Whether a field of the page is in error, which the title says.
    fn has_field_error(&self) -> bool {
        false
    }
}

/// What stands around a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One narrow column.
    Connexion,
    /// The side menu, with its current entry, and the link to sign out.
    Dashboard(MenuEntry),
    /// A long text, readable with or without a session.
    Document,
    /// Nothing: a page that sends the browser on to another site. Its title is kept as it is.
    Relay,
}

/// The entries of the side menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MenuEntry {
    /// `/`
    Home,
    /// `/connection-and-account`
    ConnectionAndAccount,
    /// `/personal-information`
    PersonalInformation,
    /// `/manage-organizations`
    Organizations,
}

impl MenuEntry {
    const ALL: [Self; 4] = [
        Self::Home,
        Self::ConnectionAndAccount,
        Self::PersonalInformation,
        Self::Organizations,
    ];

    const fn href(self) -> &'static str {
        match self {
            Self::Home => "/",
            Self::ConnectionAndAccount => "/connection-and-account",
            Self::PersonalInformation => "/personal-information",
            Self::Organizations => "/manage-organizations",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Home => "Accueil",
            Self::ConnectionAndAccount => "Compte et connexion",
            Self::PersonalInformation => "Info personnelles",
            Self::Organizations => "Organisations",
        }
    }
}

/// What every page may need from the request, whoever it is for.
#[derive(Clone, Default, Serialize)]
pub struct Shell {
    /// The form token of the session; a page with a form cannot be shown without it.
    pub csrf_token: Option<String>,
    /// The message to show once, from the `notification` parameter.
    #[serde(skip)]
    pub notification: Option<Notification>,
    /// Given and family name of the person, or their e-mail, when a session is open.
    #[serde(skip)]
    pub user_label: Option<String>,
    /// Whether this is an instance for tests, where real addresses must not be typed.
    pub is_test_instance: bool,
}

/// Why a page could not be made. Always a fault of ours.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template is not valid handlebars.
    #[error("a template cannot be compiled")]
    Template(#[from] Box<handlebars::TemplateError>),
    /// A template is not UTF-8 text.
    #[error("template {0} is not text")]
    NotText(String),
    /// A template names a field, an asset or a partial that does not exist.
    #[error("a page cannot be rendered")]
    Render(#[from] handlebars::RenderError),
}

/// All templates, compiled.
pub struct Renderer {
    templates: Handlebars<'static>,
    measures_audience: bool,
    texts: LegalTexts,
}

#[derive(Serialize)]
struct ContentView<'a, P> {
    shell: &'a Shell,
    page: &'a P,
}

#[derive(Serialize)]
struct LayoutView<'a> {
    title: &'a str,
    notification: Option<Notification>,
    user_label: Option<&'a str>,
    menu: Vec<MenuView>,
    /// Whether the page loads the script of the statistics.
    measures_audience: bool,
    content: &'a str,
}

#[derive(Serialize)]
struct MenuView {
    href: &'static str,
    label: &'static str,
    current: bool,
}

impl Renderer {
    /// Compiles the embedded templates. `measures_audience`: `FEATURE_LOAD_THIRD_PARTY_TRACKING_SCRIPTS`; `texts`: what the operator
    /// says in the place of ours.
    ///
    /// # Errors
    /// When a template is not valid.
    pub fn new(assets: Arc<Assets>, measures_audience: bool, texts: LegalTexts) -> Result<Self, RenderError> {
        let mut templates = Handlebars::new();
        templates.set_strict_mode(true);
        templates.set_prevent_indent(true);
        templates.register_helper("csrf_field", Box::new(csrf_field));
        templates.register_helper("asset", Box::new(asset_helper(assets)));
        templates.register_helper("question_of", Box::new(question_of));
        for path in Templates::iter() {
            let Some(name) = path.strip_suffix(EXTENSION) else {
                continue;
            };
            if name.starts_with(MAILS) {
                continue;
            }
            let Some(file) = Templates::get(&path) else {
                continue;
            };
            let source = str::from_utf8(&file.data).map_err(|_| RenderError::NotText(name.to_owned()))?;
            templates
                .register_template_string(name, source)
                .map_err(Box::new)?;
        }
        Ok(Self {
            templates,
            measures_audience,
            texts,
        })
    }

    /// Whether pages load the script of the statistics.
    #[must_use]
    pub const fn measures_audience(&self) -> bool {
        self.measures_audience
    }

    /// Makes the HTML document of a page.
    ///
    /// # Errors
    /// When the template asks for something the model, the shell or the assets lack.
    pub fn render<P: Page>(&self, shell: &Shell, page: &P) -> Result<String, RenderError> {
        let content = match self.texts.of(P::TEMPLATE) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.templates.render(P::TEMPLATE, &ContentView { shell, page })?),
        };
        let notification = shell.notification.filter(|_| P::SHOWS_NOTIFICATION);
        let (layout, menu, user_label) = match P::LAYOUT {
            Layout::Connexion => ("layouts/connexion", Vec::new(), None),
            Layout::Dashboard(current) => ("layouts/dashboard", menu(current), shell.user_label.as_deref()),
            Layout::Document => ("layouts/document", Vec::new(), shell.user_label.as_deref()),
            Layout::Relay => ("layouts/relay", Vec::new(), None),
        };
        let title = match P::LAYOUT {
            Layout::Relay => page.title(),
            _ => Cow::Owned(document_title(page, notification.as_ref())),
        };
        let view = LayoutView {
            title: &title,
            notification,
            user_label,
            menu,
            measures_audience: self.measures_audience,
            content: &content,
        };
        Ok(self.templates.render(layout, &view)?)
    }
}

fn menu(current: MenuEntry) -> Vec<MenuView> {
    MenuEntry::ALL
        .into_iter()
        .map(|entry| MenuView {
            href: entry.href(),
            label: entry.label(),
            current: entry == current,
        })
        .collect()
}

/// `[Erreur <code> - | Erreur - ]<page title> - ProConnect`, blanks collapsed (spec ui-contract R7).
fn document_title<P: Page>(page: &P, notification: Option<&Notification>) -> String {
    let shows_error = page.has_field_error() || notification.is_some_and(Notification::is_error);
    let prefix = match page.error_code() {
        Some(code) => Some(format!("Erreur {code}")),
        None if shows_error => Some("Erreur".to_owned()),
        None => None,
    };
    let title = page.title();
    let parts = [prefix.as_deref().unwrap_or_default(), &title, PRODUCT];
    let whole = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" - ");
    whole.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `{{csrf_field}}`: the hidden field every POST form carries.
fn csrf_field(
    _: &Helper,
    _: &Handlebars,
    context: &Context,
    _: &mut RenderContext,
    out: &mut dyn Output,
) -> HelperResult {
    let token = context
        .data()
        .pointer("/shell/csrf_token")
        .and_then(serde_json::Value::as_str)
        .ok_or_else(|| {
            RenderErrorReason::Other("the shell of a page with a form must hold the form token".to_owned())
        })?;
    out.write("<input type=\"hidden\" name=\"_csrf\" value=\"")?;
    out.write(&handlebars::html_escape(token))?;
    out.write("\">")?;
    Ok(())
}

/// `{{question_of "delete_account"}}`: what a dialog asks before the button does its work.
fn question_of(
    helper: &Helper,
    _: &Handlebars,
    _: &Context,
    _: &mut RenderContext,
    out: &mut dyn Output,
) -> HelperResult {
    let name = helper
        .param(0)
        .and_then(|param| param.value().as_str())
        .unwrap_or_default();
    let question = Question::named(name)
        .ok_or_else(|| RenderErrorReason::Other(format!("no question is named {name:?}")))?;
    out.write(&handlebars::html_escape(question.text))?;
    Ok(())
}

/// `{{asset "main.css"}}`: the address of an asset by its logical name.
fn asset_helper(assets: Arc<Assets>) -> impl handlebars::HelperDef {
    move |helper: &Helper,
          _: &Handlebars,
          _: &Context,
          _: &mut RenderContext,
          out: &mut dyn Output|
          -> HelperResult {
        let name = helper
            .param(0)
            .and_then(|param| param.value().as_str())
            .unwrap_or_default();
        let url = assets
            .url(name)
            .ok_or_else(|| RenderErrorReason::Other(format!("no asset is named {name:?}")))?;
        out.write(&url)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Sample {
        title: &'static str,
        error_code: Option<&'static str>,
        has_field_error: bool,
    }

    impl Page for Sample {
        const TEMPLATE: &'static str = "pages/home";
        const LAYOUT: Layout = Layout::Connexion;

        fn title(&self) -> Cow<'_, str> {
            self.title.into()
        }

        fn error_code(&self) -> Option<Cow<'_, str>> {
            self.error_code.map(Into::into)
        }

        fn has_field_error(&self) -> bool {
            self.has_field_error
        }
    }

    #[test]
    fn the_title_says_the_error_then_the_page_then_the_product() {
        let logout = Notification::from_code("logout_success");
        let failure = Notification::from_code("invalid_credentials");
        for (title, error_code, has_field_error, notification, expected) in [
            ("Accueil", None, false, None, "Accueil - ProConnect"),
            ("Accueil", None, false, logout, "Accueil - ProConnect"),
            ("Accueil", None, false, failure, "Erreur - Accueil - ProConnect"),
            ("Accueil", None, true, None, "Erreur - Accueil - ProConnect"),
            ("", Some("400"), false, None, "Erreur 400 - ProConnect"),
            (
                "Accès\n  refusé",
                Some("403"),
                false,
                failure,
                "Erreur 403 - Accès refusé - ProConnect",
            ),
            ("", None, false, None, "ProConnect"),
        ] {
            let page = Sample {
                title,
                error_code,
                has_field_error,
            };
            assert_eq!(document_title(&page, notification.as_ref()), expected);
        }
    }

    #[test]
    fn a_form_without_token_is_refused() {
        #[derive(Serialize)]
        struct Form {
            organizations: [(); 0],
            asks_which: bool,
            default: std::collections::HashMap<&'static str, &'static str>,
        }
        impl Page for Form {
            const TEMPLATE: &'static str = "pages/select-organization";
            const LAYOUT: Layout = Layout::Connexion;

            fn title(&self) -> Cow<'_, str> {
                "Choisir".into()
            }
        }
        let renderer =
            Renderer::new(Arc::new(Assets::load().unwrap()), false, LegalTexts::default()).unwrap();
        let form = Form {
            organizations: [],
            asks_which: false,
            default: [("id", "1"), ("libelle", "Mairie")].into(),
        };
        assert!(renderer.render(&Shell::default(), &form).is_err());
        let shell = Shell {
            csrf_token: Some("a\"b".to_owned()),
            ..Shell::default()
        };
        let html = renderer.render(&shell, &form).unwrap();
        assert!(html.contains(r#"name="_csrf" value="a&quot;b""#));
    }
}
