//! The e-mails, one struct each: exactly what its two templates show.

use serde::Serialize;

/// An e-mail that can be rendered.
pub trait Message: Serialize {
    /// Name of its templates (`<name>.html.hbs`, `<name>.txt.hbs`), and its tag in the statistics of the mail provider.
    const NAME: &'static str;
    /// The subject line, fixed so that people can filter.
    const SUBJECT: &'static str;
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident, $template:literal, $subject:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Serialize)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl Message for $name {
                const NAME: &'static str = $template;
                const SUBJECT: &'static str = $subject;
            }
        )+

        /// The names of all e-mails.
        pub const NAMES: &[&str] = &[$($template),+];
    };
}

messages! {
    /// The code that proves an address.
    VerifyEmail, "verify-email", "Vérification de votre adresse email" {
        /// Ten digits.
        token: String,
        /// `une heure`
        lifetime: String,
    }
    /// A link that signs in.
    MagicLink, "magic-link", "Lien de connexion à ProConnect" {
        magic_link: String,
        /// `une heure`
        lifetime: String,
    }
    /// A link to choose another password.
    ResetPassword, "reset-password", "Instructions pour la réinitialisation du mot de passe" {
        reset_password_link: String,
    }
    /// The password was changed.
    PasswordChanged, "password-changed", "Votre mot de passe a été modifié" {
        given_name: String,
        family_name: String,
        /// `22/11/2026 à 14:03`
        changed_at: String,
    }
    /// The password turned up in leaks.
    PasswordFoundInLeaks, "password-found-in-leaks", "Changez votre mot de passe ProConnect" {
        given_name: String,
        family_name: String,
        /// Where a link to choose another is asked for.
        reset_password_page: String,
    }
    /// Somebody signed in from a browser that was not seen with this account before.
    NewBrowser, "new-browser", "Nouvelle connexion à votre compte ProConnect" {
        given_name: String,
        family_name: String,
        /// `Firefox sur Linux`
        browser: String,
        /// When known.
        ip_address: Option<String>,
        /// `22/11/2026 à 14:03`
        signed_in_at: String,
    }
    /// What the person tells of themselves was changed.
    UpdatePersonalData, "update-personal-data", "Mise à jour de vos données personnelles" {
        /// The names before the change.
        given_name: String,
        family_name: String,
        changes: Vec<Change>,
    }
    /// The account was deleted.
    DeleteAccount, "delete-account", "Suppression de compte" {
        given_name: String,
        family_name: String,
    }
    /// The person may use their account with an organization.
    Welcome, "welcome", "Votre compte ProConnect a bien été créé" {
        given_name: String,
        family_name: String,
        /// `HOST`
        base_url: String,
    }
    /// An application of one-time codes was added.
    Add2fa, "add-2fa", "Double authentification activée" {
        given_name: String,
        family_name: String,
        email: String,
    }
    /// … was removed.
    DeleteFreeTotp, "delete-free-totp", "Suppression d'une application d'authentification à double facteur" {
        given_name: String,
        family_name: String,
    }
    /// Two factors are asked for only where a service demands them.
    Delete2faProtection, "delete-2fa-protection", "Désactivation de la validation avec la double authentification" {
        given_name: String,
        family_name: String,
    }
    /// Recovery codes were drawn, which replace those of before.
    RecoveryCodesDrawn, "recovery-codes-drawn", "Vos nouveaux codes de secours" {
        given_name: String,
        family_name: String,
        /// `22/11/2026 à 14:03`
        drawn_at: String,
    }
    /// A recovery code stood in for a second factor.
    RecoveryCodeUsed, "recovery-code-used", "Un code de secours a été utilisé" {
        given_name: String,
        family_name: String,
        /// `22/11/2026 à 14:03`
        used_at: String,
        /// How many are left.
        left: i64,
    }
    /// A passkey was added.
    AddAccessKey, "add-access-key", "Alerte de sécurité" {
        given_name: String,
        family_name: String,
    }
    /// … was removed.
    DeleteAccessKey, "delete-access-key", "Alerte de sécurité" {
        given_name: String,
        family_name: String,
    }
    /// A passkey was refused because its counter went backwards: it may have been copied.
    PasskeyRefused, "passkey-refused", "Alerte de sécurité" {
        given_name: String,
        family_name: String,
    }
    /// A request to join an organization was withdrawn.
    CancelModeration, "cancel-moderation", "Annulation de votre demande de rattachement" {
        given_name: String,
        family_name: String,
        libelle: String,
    }
    /// To the official contact of an organization: somebody wants to join.
    OfficialContactEmailVerification,
    "official-contact-email-verification",
    "[ProConnect] Authentifier un email sur ProConnect" {
        given_name: String,
        family_name: String,
        /// Of the person, not of the contact.
        email: String,
        libelle: String,
        /// Two words.
        token: String,
    }
}

/// A value that was changed, as it is now.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub label: &'static str,
    pub value: String,
}

impl Change {
    /// The change of the field called `label`; an erased value is shown as a dash.
    #[must_use]
    pub fn new(label: &'static str, value: Option<&str>) -> Self {
        let value = value.filter(|value| !value.is_empty()).unwrap_or("—");
        Self {
            label,
            value: value.to_owned(),
        }
    }
}
