//! What the browser suite, scripts and password managers rely on (spec ui-contract): titles, headings, elements.

mod account;
mod captions;
mod factors;
mod organizations;
mod sign_in;
mod titles;

use std::collections::HashMap;

use scraper::{ElementRef, Html};

use self::account::ACCOUNT_HOOKS;
use self::captions::CAPTIONS;
use self::factors::FACTOR_HOOKS;
use self::organizations::ORGANIZATION_HOOKS;
use self::sign_in::SIGN_IN_HOOKS;
use self::titles::TITLES;
use super::samples::samples;
use super::well_formed::{all, one, text};

fn documents() -> HashMap<&'static str, String> {
    samples().into_iter().collect()
}

#[test]
fn titles_and_headings_are_the_agreed_ones() {
    let documents = documents();
    for (name, title, heading) in TITLES {
        let document = Html::parse_document(&documents[name]);
        assert_eq!(text(&one(name, &document, "title")), *title);
        assert_eq!(text(&one(name, &document, "h1")), *heading);
    }
}

#[test]
fn every_hook_is_there_once() {
    let documents = documents();
    for (name, selector, expected) in SIGN_IN_HOOKS
        .iter()
        .chain(ACCOUNT_HOOKS)
        .chain(FACTOR_HOOKS)
        .chain(ORGANIZATION_HOOKS)
    {
        let document = Html::parse_document(&documents[name]);
        assert_eq!(
            text(&one(name, &document, selector)),
            *expected,
            "{name}: {selector}"
        );
    }
}

/// A click by text takes the first, deepest element that holds it: nothing before a caption may hold the same words.
#[test]
fn captions_come_first() {
    let documents = documents();
    for (name, caption, expected) in CAPTIONS {
        let document = Html::parse_document(&documents[name]);
        let holds = |element: &ElementRef| text(element).contains(caption);
        let first = all(&document, "body *")
            .into_iter()
            .find(|element| holds(element) && !element.child_elements().any(|child| holds(&child)))
            .unwrap_or_else(|| panic!("{name}: no {caption:?}"));
        let is_expected = |element: ElementRef| element.value().name() == *expected;
        assert!(
            is_expected(first) || first.ancestors().filter_map(ElementRef::wrap).any(is_expected),
            "{name}: {caption:?} is first in {}",
            first.html()
        );
    }
}

#[test]
fn pages_say_what_is_agreed() {
    let documents = documents();
    for (name, fragment) in [
        (
            "public-sector-only",
            "adresse email d’une administration publique",
        ),
        ("private-sector", "représenter des organisations privées"),
        ("domain-not-allowed", "Soyez sûrs d’utiliser le SIRET"),
        ("moderation-rejected", "lien entre l’organisation et vous"),
        ("moderation-rejected", "consultez le mail"),
        ("moderation-rejected", "Motif : Nom de domaine introuvable"),
        ("moderation-editable", "consultez le mail"),
        (
            "contact-code",
            "email officielle de votre mairie : mairie-beaumont@lahague.com",
        ),
        (
            "contact-code",
            "celui qui a été envoyé à mairie-beaumont@lahague.com",
        ),
        ("manage-organizations", "est en cours de traitement"),
    ] {
        let document = Html::parse_document(&documents[name]);
        assert!(
            text(&one(name, &document, "main")).contains(fragment),
            "{name}: {fragment}"
        );
    }
    assert!(
        !documents["moderation-rejected"].contains("Corriger le nom"),
        "nothing is to be edited"
    );
}

/// Without script there is one button; another one comes into sight where the script does not arrive.
#[test]
fn relays_can_be_left_by_hand() {
    let documents = documents();
    for name in ["form-post", "logout", "magic-link-auto"] {
        let document = Html::parse_document(&documents[name]);
        let button = one(name, &document, "#auto-submit-form > button.js-only.shown-late");
        assert_eq!(text(&button), "Poursuivre", "{name}");
        assert!(documents[name].contains(">Continuer</button>"), "{name}");
    }
}

#[test]
fn values_are_escaped() {
    let documents = documents();
    assert!(documents["form-post"].contains(r#"name="code" value="a&quot;b""#));
    assert!(documents["form-post"].contains(r#"name="state" value="&lt;s&gt;""#));
}

#[test]
fn pages_differ_where_they_should() {
    let documents = documents();
    for name in ["start-sign-in", "sign-in", "error-400", "sign-up"] {
        assert!(
            !documents[name].contains("Se déconnecter"),
            "{name} has no link to sign out"
        );
    }
    assert!(!documents["sign-up-existing"].contains("Nouveau compte"));
    assert!(documents["verify-email-migrated"].contains("nous utilisons un code de confirmation"));
    assert!(!documents["verify-email-migrated"].contains("Code de vérification envoyé"));
    assert!(
        documents["welcome"].contains("Prénom</p>\n"),
        "label and value stand apart (R8)"
    );
    assert!(documents["error-429"].contains("dans une quinzaine de minutes"));
    assert!(documents["error-429"].contains(r#"<span lang="en">Too Many Requests</span>"#));
    for name in ["error-400", "error-access-denied", "error-429", "error-500"] {
        assert!(
            documents[name].contains("Référence à donner au support"),
            "{name}"
        );
    }
}
