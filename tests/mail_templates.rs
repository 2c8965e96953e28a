//! Every e-mail rendered with sample values, and what mail clients, people and the browser suite rely on (spec
//! connectors §5, ui-contract).
//!
//! With `PAGES_DIR` set, the HTML parts are also written there, to be looked at in a browser.

use std::fs;
use std::path::Path;

use handlebars::Handlebars;
use scraper::{ElementRef, Html, Selector};
use serde_json::{Value, json};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/mails");
const BRAND_LOGO: &str = "https://identite.proconnect.gouv.fr/dist/mail-proconnect.png";

/// Template, link texts, and what the HTML and the text parts both say.
const MAILS: &[(&str, &[&str], &[&str])] = &[
    (
        "verify-email",
        &[],
        &["renseigner ce code dans l’interface", "0123456789"],
    ),
    (
        "magic-link",
        &["Se connecter"],
        &["demandé un lien d'identification à ProConnect"],
    ),
    (
        "reset-password",
        &["Réinitialiser le mot de passe"],
        &["réinitialisation de votre mot de passe"],
    ),
    (
        "password-changed",
        &["Prévenez tout de suite notre support"],
        &["a été modifié le 22/11/2026 à 14:03"],
    ),
    (
        "password-found-in-leaks",
        &["Choisir un autre mot de passe"],
        &["listes de mots de passe volés"],
    ),
    (
        "new-browser",
        &["Prévenez tout de suite notre support"],
        &[
            "Navigateur : Firefox sur Linux",
            "Adresse IP : 192.0.2.1",
            "Date : 22/11/2026 à 14:03",
        ],
    ),
    (
        "official-contact-email-verification",
        &[],
        &[
            "Jean <b>User</b> (jean&co@yopmail.com) souhaite rejoindre votre organisation « Mairie d'Ys » sur ProConnect.",
            "0123456789",
        ],
    ),
    (
        "welcome",
        &["https://identite.example"],
        &["Votre compte ProConnect est créé !"],
    ),
    (
        "add-2fa",
        &["Prévenez tout de suite notre support"],
        &["jean&co@yopmail.com est à présent protégé par la"],
    ),
    (
        "delete-free-totp",
        &["Prévenez tout de suite notre support"],
        &["étape de connexion à deux facteurs"],
    ),
    (
        "delete-2fa-protection",
        &["Prévenez tout de suite notre support"],
        &["n’est plus demandée à chacune de vos connexions"],
    ),
    (
        "recovery-codes-drawn",
        &["Prévenez tout de suite notre support"],
        &["Dix codes de secours ont été créés", "le 22/11/2026 à 14:03"],
    ),
    (
        "recovery-code-used",
        &["Prévenez tout de suite notre support"],
        &["Le 22/11/2026 à 14:03", "Codes restants : 9"],
    ),
    (
        "add-access-key",
        &["Prévenez tout de suite notre support"],
        &["vient d’être ajoutée"],
    ),
    (
        "delete-access-key",
        &["Prévenez tout de suite notre support"],
        &["vient d’être supprimée"],
    ),
    (
        "passkey-refused",
        &["Prévenez tout de suite notre support"],
        &["il en existe peut-être une copie"],
    ),
    (
        "update-personal-data",
        &[],
        &[
            "mises à jour avec succès",
            "Prénom : Jeanne",
            "Nom de famille : Le Bon",
            "Numéro de téléphone : —",
        ],
    ),
    (
        "delete-account",
        &["Écrivez à notre support"],
        &["demande de suppression de compte"],
    ),
    (
        "cancel-moderation",
        &[],
        &["à l'organisation « Mairie d'Ys » a bien été annulée."],
    ),
];

fn templates() -> Handlebars<'static> {
    let mut templates = Handlebars::new();
    templates.set_strict_mode(true);
    templates.set_prevent_indent(true);
    for entry in fs::read_dir(FOLDER).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .strip_suffix(".hbs")
            .unwrap();
        templates
            .register_template_string(&format!("mails/{name}"), fs::read_to_string(&path).unwrap())
            .unwrap();
    }
    templates
}

fn values() -> Value {
    json!({
        "subject": "Sujet du message",
        "logo_url": BRAND_LOGO,
        "given_name": "Jean",
        "family_name": "<b>User</b>",
        "email": "jean&co@yopmail.com",
        "libelle": "Mairie d'Ys",
        "token": "0123456789",
        "lifetime": "une heure",
        "magic_link": "https://identite.example/users/sign-in-with-magic-link?magic_link_token=a-_b",
        "reset_password_link": "https://identite.example/users/change-password?reset_password_token=a-_b",
        "base_url": "https://identite.example",
        "reset_password_page": "https://identite.example/users/reset-password",
        "changed_at": "22/11/2026 à 14:03",
        "drawn_at": "22/11/2026 à 14:03",
        "used_at": "22/11/2026 à 14:03",
        "left": 9,
        "signed_in_at": "22/11/2026 à 14:03",
        "browser": "Firefox sur Linux",
        "ip_address": "192.0.2.1",
        "support_email": "support+identite@proconnect.gouv.fr",
        "changes": [
            {"label": "Prénom", "value": "Jeanne"},
            {"label": "Nom de famille", "value": "Le Bon"},
            {"label": "Numéro de téléphone", "value": "—"},
        ],
    })
}

fn render(template: &str) -> String {
    templates()
        .render(&format!("mails/{template}"), &values())
        .unwrap_or_else(|error| panic!("{template}: {error:?}"))
}

fn all<'a>(document: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    document.select(&Selector::parse(selector).unwrap()).collect()
}

fn text(element: &ElementRef) -> String {
    element
        .text()
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn both_parts_say_the_same() {
    for (name, links, sentences) in MAILS {
        let html = render(&format!("{name}.html"));
        let plain = render(&format!("{name}.txt"));
        let document = Html::parse_document(&html);
        let body = text(&all(&document, "body")[0]);
        for sentence in *sentences {
            assert!(body.contains(sentence), "{name}: no {sentence:?} in {body}");
            let flat = plain.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(sentence), "{name}: no {sentence:?} in {plain}");
        }
        assert!(
            body.ends_with("Cordialement,L'équipe ProConnect"),
            "{name}: {body}"
        );
        assert!(plain.starts_with("Bonjour"), "{name}: {plain}");
        assert!(
            plain.trim_end().ends_with("Cordialement,\nL'équipe ProConnect"),
            "{name}: {plain}"
        );
        let found: Vec<_> = all(&document, "a").iter().map(text).collect();
        assert_eq!(&found, links, "{name}");
        if let Ok(folder) = std::env::var("PAGES_DIR") {
            fs::write(Path::new(&folder).join(format!("mail-{name}.html")), &html).unwrap();
        }
    }
}

#[test]
fn a_mail_is_a_document_in_french_without_tracker() {
    for (name, ..) in MAILS {
        let document = Html::parse_document(&render(&format!("{name}.html")));
        assert_eq!(all(&document, "html")[0].attr("lang"), Some("fr"), "{name}");
        assert_eq!(text(&all(&document, "title")[0]), "Sujet du message", "{name}");
        let images: Vec<_> = all(&document, "img")
            .iter()
            .map(|image| image.attr("src").unwrap())
            .collect();
        assert_eq!(images, [BRAND_LOGO], "{name}");
        assert!(all(&document, "script, link, iframe, form").is_empty(), "{name}");
        assert!(
            all(&document, "table:not([role=presentation])").is_empty(),
            "{name}"
        );
    }
}

#[test]
fn only_a_code_is_an_em_that_is_a_first_child() {
    for (name, ..) in MAILS {
        let document = Html::parse_document(&render(&format!("{name}.html")));
        let codes: Vec<_> = all(&document, "em:nth-child(1)").iter().map(text).collect();
        let expected: &[&str] = if name.starts_with("verify") || name.starts_with("official") {
            &["0123456789"]
        } else {
            &[]
        };
        assert_eq!(codes, expected, "{name}");
    }
}

#[test]
fn a_code_or_a_link_stands_alone_on_its_line_of_the_text_part() {
    for (name, line) in [
        ("verify-email", "0123456789"),
        ("official-contact-email-verification", "0123456789"),
        (
            "magic-link",
            "https://identite.example/users/sign-in-with-magic-link?magic_link_token=a-_b",
        ),
        (
            "reset-password",
            "https://identite.example/users/change-password?reset_password_token=a-_b",
        ),
    ] {
        assert!(
            render(&format!("{name}.txt"))
                .lines()
                .any(|candidate| candidate == line),
            "{name}"
        );
    }
}

#[test]
fn a_greeting_does_without_names() {
    let mut values = values();
    values["given_name"] = json!("");
    values["family_name"] = json!("");
    let plain = templates()
        .render("mails/cancel-moderation.txt", &values)
        .unwrap();
    assert!(plain.starts_with("Bonjour,\n\nVotre demande"), "{plain}");
}

#[test]
fn values_are_escaped_in_html() {
    let html = render("official-contact-email-verification.html");
    assert!(html.contains("&lt;b&gt;User&lt;/b&gt;"));
    assert!(!html.contains("<b>"));
}
