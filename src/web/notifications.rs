//! The messages a page may show after a redirect, named by the `notification` query parameter (spec accounts §8,
//! ui §3). The table is fixed: an unknown code shows nothing.

use serde::Serialize;

/// How serious a message is; also the colour and icon of its box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something failed: the title of the page says so too.
    Error,
    /// Something needs attention.
    Warning,
    /// Something worth knowing.
    Info,
    /// Something was done.
    Success,
}

/// A message of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Notification {
    /// The code in the query, `logout_success` for instance.
    pub code: &'static str,
    /// How serious it is.
    pub severity: Severity,
    /// The whole text, French; line breaks are shown.
    pub text: &'static str,
}

impl Notification {
    /// Finds the message of a code; `None` when the code is unknown.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        NOTIFICATIONS
            .iter()
            .find(|notification| notification.code == code)
            .copied()
    }

    /// Whether the message tells of a failure.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

const fn error(code: &'static str, text: &'static str) -> Notification {
    Notification {
        code,
        severity: Severity::Error,
        text,
    }
}

const fn warning(code: &'static str, text: &'static str) -> Notification {
    Notification {
        code,
        severity: Severity::Warning,
        text,
    }
}

const fn info(code: &'static str, text: &'static str) -> Notification {
    Notification {
        code,
        severity: Severity::Info,
        text,
    }
}

const fn success(code: &'static str, text: &'static str) -> Notification {
    Notification {
        code,
        severity: Severity::Success,
        text,
    }
}

/// Every message, grouped as the pages that show them.
const NOTIFICATIONS: &[Notification] = &[
    // Sign-in and passwords.
    error("invalid_credentials", "Erreur : mot de passe incorrect."),
    error("invalid_email", "Erreur : adresse email invalide."),
    warning(
        "email_unavailable",
        "Attention : un compte existe déjà avec cette adresse email.\n\nSi vous avez oublié votre mot de passe, continuez puis cliquez sur « Mot de passe oublié ? ».",
    ),
    error(
        "weak_password",
        "Erreur : ce mot de passe est trop facile à deviner. Choisissez-en un qui respecte les règles affichées.",
    ),
    error(
        "leaked_password",
        "Erreur : ce mot de passe figure dans des listes de mots de passe volés. Choisissez-en un autre, que vous n’utilisez nulle part ailleurs.",
    ),
    info(
        "new_password_needed",
        "Information : pour protéger votre compte, vous devez définir un nouveau mot de passe.",
    ),
    success(
        "password_change_success",
        "Votre mot de passe a été mis à jour.\n\nVous pouvez maintenant vous connecter avec lui.",
    ),
    info(
        "reset_password_email_sent",
        "Information : si un compte existe à cette adresse, vous allez recevoir un lien de réinitialisation par e-mail.",
    ),
    warning(
        "invalid_token",
        "Attention : ce lien de réinitialisation n’est pas valable, ou ne l’est plus.\n\nCliquez sur « Réinitialiser » pour en recevoir un nouveau.",
    ),
    warning(
        "invalid_magic_link",
        "Attention : ce lien de connexion n’est pas valable, ou ne l’est plus. Indiquez votre adresse email pour en demander un autre.",
    ),
    info("logout_success", "Information : vous êtes maintenant déconnecté."),
    success("user_successfully_deleted", "Votre compte a bien été supprimé."),
    info(
        "login_required",
        "Information : pour la sécurité de votre compte, merci de vous identifier à nouveau.",
    ),
    warning(
        "session_expired",
        "Attention : votre session a expiré, et ce que vous venez d’envoyer n’a peut-être pas été enregistré.\n\nIdentifiez-vous de nouveau ; si vous veniez d’un service, repartez de ce service.",
    ),
    warning(
        "address_changed",
        "Attention : une autre adresse email a été saisie dans un autre onglet, et ce que vous venez d’envoyer n’a pas servi.\n\nIndiquez ici l’adresse à utiliser.",
    ),
    // Proof of the e-mail address.
    info(
        "email_verification_renewal",
        "Information : votre adresse email doit être vérifiée régulièrement. Un code vient de vous être envoyé.",
    ),
    info(
        "browser_not_trusted",
        "Information : nous ne connaissons pas encore cet appareil. Pour protéger votre compte, nous devons authentifier votre navigateur.",
    ),
    error(
        "invalid_verify_email_code",
        "Erreur : ce code n’est pas le bon, ou n’est plus valable. Vérifiez-le, ou faites-en envoyer un autre.",
    ),
    // Second factor and passkeys.
    info(
        "2fa_required",
        "Information : pour continuer, vous devez valider votre deuxième étape de connexion.",
    ),
    error(
        "invalid_totp_token",
        "Erreur : le code que vous avez utilisé n’est pas valable. Saisissez celui que votre application affiche maintenant.",
    ),
    warning(
        "recovery_code_used",
        "Attention : vous venez d’utiliser un code de secours, qui ne servira plus. Ajoutez un nouveau moyen de connexion pour ne pas en dépendre.",
    ),
    error(
        "invalid_passkey",
        "Erreur : votre clé d’accès est invalide. Réessayez, ou choisissez un autre moyen.",
    ),
    error(
        "passkey_not_found",
        "Erreur : nous ne connaissons pas cette clé d’accès. Choisissez un autre moyen.",
    ),
    warning(
        "2fa_not_configured",
        "Attention : le site auquel vous accédez demande une double authentification. Après votre mot de passe, il vous faudra un code à usage unique ou une clé d’accès.",
    ),
    warning(
        "2fa_not_configured_for_ds",
        "Attention : Démarches Simplifiées demande une double authentification. Après votre mot de passe, il vous faudra un code à usage unique ou une clé d’accès.",
    ),
    success(
        "authenticator_added",
        "L’application d’authentification a été configurée.",
    ),
    success(
        "authenticator_successfully_deleted",
        "L’application d’authentification a bien été supprimée.",
    ),
    success(
        "passkey_successfully_created",
        "Tout est en ordre ! Sur cet appareil, votre clé d’accès peut maintenant servir à vous connecter.",
    ),
    success(
        "passkey_successfully_deleted",
        "La clé d’accès a bien été supprimée.",
    ),
    success(
        "passkey_successfully_renamed",
        "Le nouveau nom de la clé d’accès a été enregistré.",
    ),
    error(
        "invalid_passkey_name",
        "Erreur : le nom d’une clé d’accès compte de 1 à 64 caractères.",
    ),
    success(
        "2fa_successfully_enabled",
        "La double authentification a été activée sur tous les sites.",
    ),
    success(
        "2fa_successfully_disabled",
        "La double authentification n’est plus demandée que sur les sites qui l’exigent.",
    ),
    // Identity.
    error(
        "franceconnect_oidc_error",
        "L'authentification FranceConnect a échoué. Veuillez réessayer.",
    ),
    error(
        "franceconnect_identity_mismatch",
        "Erreur : l’identité que FranceConnect nous a transmise n’est pas celle de ce compte. Identifiez-vous avec votre propre compte FranceConnect. Si votre état civil a changé, écrivez à support+identite@proconnect.gouv.fr.",
    ),
    error(
        "invalid_personal_informations",
        "Erreur : le format des informations personnelles n’est pas valable. Corrigez-les avant d’enregistrer.",
    ),
    success(
        "personal_information_update_success",
        "Vos informations ont été mises à jour.",
    ),
    success(
        "personal_information_update_via_franceconnect_success",
        "Nous avons récupéré vos données via FranceConnect.",
    ),
    // Sessions of our own page.
    success("session_closed", "La session a été fermée."),
    success(
        "other_sessions_closed",
        "Toutes les autres sessions ont été fermées.",
    ),
    // Organizations.
    error(
        "invalid_siret",
        "Erreur : SIRET invalide. Vérifiez ses 14 chiffres.",
    ),
    error(
        "insee_unexpected_error",
        "Erreur : les données de l’INSEE, nécessaires au rattachement, ne répondent pas pour le moment. Réessayez dans quelques minutes.",
    ),
    error(
        "user_in_organization_already",
        "Erreur : vous êtes déjà membre de cette organisation.",
    ),
    error(
        "api_annuaire_error",
        "Erreur : l’annuaire des administrations ne répond pas pour le moment. Réessayez dans quelques minutes.",
    ),
    error(
        "official_contact_email_verification_not_needed",
        "Erreur : votre rattachement à cette organisation n’a plus besoin d’être vérifié.",
    ),
    success(
        "quit_organization_success",
        "Vous ne faites plus partie de cette organisation.",
    ),
    success(
        "cancel_moderation_success",
        "Votre demande de rattachement a bien été annulée.",
    ),
    success(
        "moderation_reopened",
        "Votre demande de rattachement a été envoyée de nouveau. Un email vous dira la suite.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_is_one_message_a_code() {
        let codes: HashSet<_> = NOTIFICATIONS
            .iter()
            .map(|notification| notification.code)
            .collect();
        assert_eq!(codes.len(), NOTIFICATIONS.len());
        assert_eq!(NOTIFICATIONS.len(), 48);
    }

    #[test]
    fn an_unknown_code_shows_nothing() {
        for code in ["", "toString", "constructor", "LOGOUT_SUCCESS", "logout_success "] {
            assert_eq!(Notification::from_code(code), None, "{code:?}");
        }
    }

    #[test]
    fn the_first_words_say_how_serious_it_is() {
        for Notification { code, severity, text } in NOTIFICATIONS {
            let prefix = match severity {
                Severity::Error if *code == "franceconnect_oidc_error" => "L'authentification",
                Severity::Error => "Erreur : ",
                Severity::Warning => "Attention : ",
                Severity::Info => "Information : ",
                Severity::Success => "",
            };
            assert!(text.starts_with(prefix), "{code}");
        }
    }

    /// Fragments and whole texts that the browser suite looks for (spec ui-contract).
    #[test]
    fn the_contract_is_kept() {
        for (code, expected) in [
            ("logout_success", "Information : vous êtes maintenant déconnecté."),
            ("user_successfully_deleted", "Votre compte a bien été supprimé."),
            (
                "reset_password_email_sent",
                "un lien de réinitialisation par e-mail",
            ),
            ("password_change_success", "passe a été mis à jour"),
            ("login_required", "merci de vous identifier à nouveau."),
            ("invalid_credentials", "mot de passe incorrect."),
            ("new_password_needed", "définir un nouveau mot de passe"),
            ("browser_not_trusted", "authentifier votre navigateur"),
            ("email_verification_renewal", "doit être vérifiée régulièrement"),
            ("2fa_required", "valider votre deuxième étape de connexion"),
            ("invalid_totp_token", "le code que vous avez utilisé"),
            (
                "franceconnect_oidc_error",
                "L'authentification FranceConnect a échoué. Veuillez réessayer.",
            ),
            (
                "invalid_personal_informations",
                "le format des informations personnelles",
            ),
            (
                "personal_information_update_success",
                "informations ont été mises à jour",
            ),
            (
                "personal_information_update_via_franceconnect_success",
                "vos données via FranceConnect",
            ),
            ("quit_organization_success", "plus partie de cette organisation"),
            ("cancel_moderation_success", "rattachement a bien été annulée"),
            (
                "authenticator_added",
                "L’application d’authentification a été configurée.",
            ),
            (
                "authenticator_successfully_deleted",
                "L’application d’authentification a bien été supprimée.",
            ),
            ("passkey_successfully_created", "Tout est en ordre !"),
            (
                "2fa_successfully_enabled",
                "authentification a été activée sur tous",
            ),
            ("invalid_siret", "Erreur : SIRET invalide."),
            ("invalid_passkey", "Erreur : votre clé d’accès est invalide."),
        ] {
            let notification = Notification::from_code(code).unwrap();
            assert!(
                notification.text.contains(expected),
                "{code}: {}",
                notification.text
            );
        }
    }
}
