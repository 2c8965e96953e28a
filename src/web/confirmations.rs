//! What people are asked before something that cannot be undone: in a dialog by the script of a button of the class `js-confirm`, which sends
//! `confirmed=true`, and on a page where no script does.

use actix_web::HttpResponse;

use super::app::App;
use super::error::PageError;
use super::fields::Fields;
use super::page::{html, shell};
use super::pages::confirmation::ConfirmationPage;
use super::session::Browser;

/// A question, the same in the dialog and on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// How templates name it: `{{question_of "delete_account"}}`.
    pub name: &'static str,
    /// What is about to be done: the title of the page.
    pub title: &'static str,
    /// What is asked, French.
    pub text: &'static str,
}

/// Before an account is deleted.
pub const DELETE_ACCOUNT: Question = Question {
    name: "delete_account",
    title: "Supprimer votre compte",
    text: "Vous avez changé d’employeur\u{a0}? Inutile de supprimer votre compte\u{a0}: modifiez plutôt vos organisations. Vous ne vous servez plus de ProConnect\u{a0}? Vous pouvez supprimer votre compte. Voulez-vous vraiment continuer\u{a0}?",
};
/// Before the application of one-time codes is removed.
pub const REMOVE_TOTP: Question = Question {
    name: "remove_totp",
    title: "Supprimer l’application d’authentification",
    text: "Cette action est irréversible.",
};
/// Before a passkey is removed.
pub const REMOVE_PASSKEY: Question = Question {
    name: "remove_passkey",
    title: "Supprimer la clé d’accès",
    text: "Cette action est irréversible.",
};
/// Before recovery codes that were drawn lose their worth.
pub const REPLACE_RECOVERY_CODES: Question = Question {
    name: "replace_recovery_codes",
    title: "Remplacer vos codes de secours",
    text: "Les codes que vous avez gardés ne seront plus acceptés.",
};
/// Before all other sessions are closed.
pub const END_OTHER_SESSIONS: Question = Question {
    name: "end_other_sessions",
    title: "Fermer toutes les autres sessions",
    text: "Toutes les sessions seront fermées, sauf celle-ci. Continuer\u{a0}?",
};
/// Before an organization is left.
pub const QUIT_ORGANIZATION: Question = Question {
    name: "quit_organization",
    title: "Quitter l’organisation",
    text: "Pour représenter de nouveau cette organisation, il faudra une nouvelle validation. La quitter\u{a0}?",
};
/// Before a request is withdrawn, to correct what it says.
pub const WITHDRAW_REQUEST: Question = Question {
    name: "withdraw_request",
    title: "Corriger votre demande de rattachement",
    text: "Votre demande en cours sera annulée. Continuer\u{a0}?",
};

const QUESTIONS: &[Question] = &[
    DELETE_ACCOUNT,
    REMOVE_TOTP,
    REMOVE_PASSKEY,
    REPLACE_RECOVERY_CODES,
    END_OTHER_SESSIONS,
    QUIT_ORGANIZATION,
    WITHDRAW_REQUEST,
];

impl Question {
    /// The question that a template names.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        QUESTIONS.iter().find(|question| question.name == name).copied()
    }
}

/// Whether the person has agreed: in the dialog, or on the page.
///
/// # Errors
/// When the answer is given several times.
pub(super) fn is_confirmed(fields: &Fields) -> Result<bool, PageError> {
    Ok(fields.flag("confirmed")?)
}

/// Asks on a page, about what is called `subject` where there may be several. Who agrees posts to `action` again; who does not goes back to
/// `back`.
///
/// # Errors
/// When the session cannot be read, or the page cannot be rendered.
pub(super) async fn ask(
    app: &App,
    browser: &Browser,
    question: Question,
    subject: Option<String>,
    action: String,
    back: String,
) -> Result<HttpResponse, PageError> {
    let page = ConfirmationPage {
        title: question.title,
        subject,
        question: question.text,
        action,
        back,
    };
    html(app, &shell(app, browser, None).await?, &page)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_question_has_one_name() {
        let names: HashSet<_> = QUESTIONS.iter().map(|question| question.name).collect();
        assert_eq!(names.len(), QUESTIONS.len());
        for question in QUESTIONS {
            assert_eq!(Question::named(question.name), Some(*question));
        }
        assert_eq!(Question::named("toString"), None);
    }
}
