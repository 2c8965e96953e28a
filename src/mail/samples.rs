//! Every e-mail with values that show what can go wrong: for the preview of developers and for the tests.

use super::envelope::Envelope;
use super::messages::{
    Add2fa, AddAccessKey, CancelModeration, Change, Delete2faProtection, DeleteAccessKey, DeleteAccount,
    DeleteFreeTotp, MagicLink, NewBrowser, OfficialContactEmailVerification, PasskeyRefused, PasswordChanged,
    PasswordFoundInLeaks, RecoveryCodeUsed, RecoveryCodesDrawn, ResetPassword, UpdatePersonalData,
    VerifyEmail, Welcome,
};
use super::renderer::{MailError, Mails};

const RECIPIENT: &str = "camille.dupont@exemple.gouv.fr";
const TOKEN: &str = "Pz5w4vKq-Lx1r0_6ZJbTgHcYd8sEoWnIaRfQk3MuV9iXy2BtCj7lGhNpDeSmOaUz";

/// All of them, to the same person.
///
/// # Errors
/// When a template asks for something that its message lacks.
#[rustfmt::skip]
pub fn samples(mails: &Mails) -> Result<Vec<Envelope>, MailError> {
    let given_name = || "Camille".to_owned();
    let family_name = || "Dupont & <Fils>".to_owned();
    let libelle = || "Mairie d'Ys <centre>".to_owned();
    let date = || "22/11/2026 à 14:03".to_owned();
    let lifetime = || "une heure".to_owned();
    Ok(vec![
        mails.render(RECIPIENT, &VerifyEmail { token: "0123456789".to_owned(), lifetime: lifetime() })?,
        mails.render(RECIPIENT, &MagicLink {
            magic_link: mails.link("/users/sign-in-with-magic-link", "magic_link_token", TOKEN),
            lifetime: lifetime(),
        })?,
        mails.render(RECIPIENT, &ResetPassword {
            reset_password_link: mails.link("/users/change-password", "reset_password_token", TOKEN),
        })?,
        mails.render(RECIPIENT, &PasswordChanged { given_name: given_name(), family_name: family_name(), changed_at: date() })?,
        mails.render(RECIPIENT, &PasswordFoundInLeaks {
            given_name: given_name(),
            family_name: family_name(),
            reset_password_page: format!("{}/users/reset-password", mails.base_url()),
        })?,
        mails.render(RECIPIENT, &NewBrowser {
            given_name: given_name(),
            family_name: family_name(),
            browser: "Firefox sur Linux".to_owned(),
            ip_address: Some("2001:db8::1".to_owned()),
            signed_in_at: date(),
        })?,
        mails.render(RECIPIENT, &UpdatePersonalData {
            given_name: given_name(),
            family_name: family_name(),
            changes: vec![
                Change::new("Prénom", Some("Camille-Marie")),
                Change::new("Numéro de téléphone", None),
                Change::new("Profession ou rôle au sein de votre organisation", Some("Chargée de <mission>")),
            ],
        })?,
        mails.render(RECIPIENT, &DeleteAccount { given_name: given_name(), family_name: family_name() })?,
        mails.render(RECIPIENT, &Welcome {
            given_name: given_name(),
            family_name: family_name(),
            base_url: mails.base_url().to_owned(),
        })?,
        mails.render(RECIPIENT, &Add2fa {
            given_name: given_name(),
            family_name: family_name(),
            email: RECIPIENT.to_owned(),
        })?,
        mails.render(RECIPIENT, &DeleteFreeTotp { given_name: given_name(), family_name: family_name() })?,
        mails.render(RECIPIENT, &Delete2faProtection { given_name: String::new(), family_name: String::new() })?,
        mails.render(RECIPIENT, &RecoveryCodesDrawn { given_name: given_name(), family_name: family_name(), drawn_at: date() })?,
        mails.render(RECIPIENT, &RecoveryCodeUsed { given_name: given_name(), family_name: family_name(), used_at: date(), left: 1 })?,
        mails.render(RECIPIENT, &AddAccessKey { given_name: given_name(), family_name: family_name() })?,
        mails.render(RECIPIENT, &DeleteAccessKey { given_name: given_name(), family_name: family_name() })?,
        mails.render(RECIPIENT, &PasskeyRefused { given_name: given_name(), family_name: family_name() })?,
        mails.render(RECIPIENT, &CancelModeration {
            given_name: given_name(),
            family_name: family_name(),
            libelle: libelle(),
        })?,
        mails.render("mairie@exemple.fr", &OfficialContactEmailVerification {
            given_name: given_name(),
            family_name: family_name(),
            email: RECIPIENT.to_owned(),
            libelle: libelle(),
            token: "ours-roux".to_owned(),
        })?,
    ])
}
