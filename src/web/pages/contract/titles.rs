//! Titles and main headings, by sample.

pub(super) const TITLES: &[(&str, &str, &str)] = &[
    (
        "start-sign-in",
        "S'inscrire ou se connecter - ProConnect",
        "S’inscrire ou se connecter",
    ),
    (
        "start-sign-in-error",
        "Erreur - S'inscrire ou se connecter - ProConnect",
        "S’inscrire ou se connecter",
    ),
    ("sign-in", "Accéder au compte - ProConnect", "Accéder au compte"),
    (
        "sign-in-error",
        "Erreur - Accéder au compte - ProConnect",
        "Accéder au compte",
    ),
    (
        "inclusionconnect-welcome",
        "Première connexion - ProConnect",
        "C’est votre première connexion avec ProConnect",
    ),
    (
        "sign-up",
        "Choisir un mot de passe - ProConnect",
        "Choisir un mot de passe",
    ),
    (
        "verify-email",
        "Vérifier votre email - ProConnect",
        "Confirmer votre adresse email",
    ),
    (
        "magic-link-sent",
        "Recevoir un lien d'identification - ProConnect",
        "Consultez vos e-mails",
    ),
    (
        "sign-in-with-magic-link",
        "Connexion avec un lien - ProConnect",
        "Lien de connexion",
    ),
    (
        "magic-link-auto",
        "Connexion en cours, la page va se recharger automatiquement… - ProConnect",
        "Connexion...",
    ),
    (
        "reset-password",
        "Réinitialiser mon mot de passe - ProConnect",
        "Réinitialiser mon mot de passe",
    ),
    (
        "change-password",
        "Changer votre mot de passe - ProConnect",
        "Changer votre mot de passe",
    ),
    (
        "identity",
        "Renseigner votre identité - ProConnect",
        "Compléter votre profil",
    ),
    (
        "select-organization",
        "Choisir une organisation - ProConnect",
        "Votre organisation de rattachement",
    ),
    (
        "join",
        "Rejoindre une organisation - ProConnect",
        "Rejoindre votre organisation",
    ),
    (
        "join-error",
        "Erreur - Rejoindre une organisation - ProConnect",
        "Rejoindre votre organisation",
    ),
    (
        "suggestions",
        "Votre organisation de rattachement - ProConnect",
        "Votre organisation de rattachement",
    ),
    (
        "join-confirm",
        "Confirmer le rattachement - ProConnect",
        "Vérifier le choix de l'email",
    ),
    (
        "domain-not-allowed",
        "Accès restreint - ProConnect",
        "Accès restreint",
    ),
    (
        "domain-refused",
        "Accès restreint - ProConnect",
        "Accès restreint",
    ),
    (
        "public-sector-only",
        "Email non autorisé - ProConnect",
        "Email non autorisé",
    ),
    (
        "private-sector",
        "Email non autorisé - ProConnect",
        "Email non autorisé",
    ),
    (
        "contact-ask",
        "Vérifier votre email - ProConnect",
        "Confirmer votre adresse email",
    ),
    (
        "contact-code",
        "Erreur - Vérifier votre email - ProConnect",
        "Confirmer votre adresse email",
    ),
    (
        "moderation-pending",
        "Rattachement en cours - ProConnect",
        "Demande en cours ⌛️",
    ),
    (
        "moderation-rejected",
        "Demande refusée - ProConnect",
        "Demande refusée ⛔",
    ),
    (
        "moderation-editable",
        "Informations à corriger - ProConnect",
        "Modifications demandées",
    ),
    (
        "manage-organizations",
        "Organisations - ProConnect",
        "Vos organisations de rattachement",
    ),
    ("home", "Accueil - ProConnect", "Votre compte ProConnect"),
    (
        "personal-information",
        "Informations personnelles - ProConnect",
        "Vos informations personnelles",
    ),
    (
        "connection-and-account",
        "Compte et connexion - ProConnect",
        "Compte et connexion",
    ),
    ("sessions", "Vos sessions - ProConnect", "Vos sessions"),
    (
        "franceconnect",
        "Vérifier votre identité - ProConnect",
        "Vérifier votre identité",
    ),
    (
        "franceconnect-certification",
        "Erreur - Certification dirigeant - ProConnect",
        "Certifier votre statut",
    ),
    (
        "franceconnect-unavailable",
        "FranceConnect ne répond pas - ProConnect",
        "FranceConnect ne répond pas",
    ),
    ("certified", "Compte certifié - ProConnect", "Statut certifié 🎊"),
    (
        "close-match",
        "Certification impossible - ProConnect",
        "Impossible de vous certifier ⚠️",
    ),
    (
        "no-match",
        "Certification impossible - ProConnect",
        "Identité non trouvée ⚠️",
    ),
    (
        "no-match-unknown",
        "Certification impossible - ProConnect",
        "Identité non trouvée ⚠️",
    ),
    (
        "not-covered",
        "Certification impossible - ProConnect",
        "Structure non certifiable ⚠️",
    ),
    (
        "registers-unavailable",
        "Les registres ne répondent pas - ProConnect",
        "Les registres ne répondent pas",
    ),
    ("welcome", "Compte créé - ProConnect", "Compte créé 🎊"),
    (
        "welcome-migrated",
        "Compte créé - ProConnect",
        "Votre compte ProConnect est à jour.",
    ),
    (
        "terms",
        "Conditions Générales d'Utilisation - ProConnect",
        "Conditions Générales d'Utilisation",
    ),
    (
        "privacy",
        "Politique de confidentialité - ProConnect",
        "Politique de Protection des Données",
    ),
    (
        "accessibility",
        "Accessibilité - ProConnect",
        "Déclaration d’accessibilité",
    ),
    (
        "2fa-sign-in",
        "Se connecter avec la double authentification - ProConnect",
        "Valider avec la double authentification",
    ),
    (
        "choice-sign-in",
        "Choisir un mode de double authentification - ProConnect",
        "Choisir votre méthode de connexion renforcée",
    ),
    (
        "choice-account",
        "Double authentification - ProConnect",
        "Choisir votre méthode de connexion renforcée",
    ),
    (
        "tool-account",
        "Configurer un code à usage unique - ProConnect",
        "Configurer votre outil TOTP Étape 1 sur 3",
    ),
    (
        "tool-sign-in",
        "Installer votre outil d'authentification - ProConnect",
        "Configurer votre outil TOTP Étape 1 sur 3",
    ),
    (
        "totp-configuration-sign-in",
        "Configurer un code à usage unique - ProConnect",
        "Configurer votre application TOTP Étape 2 sur 3",
    ),
    (
        "totp-configuration-account",
        "Erreur - Configuration TOTP - ProConnect",
        "Configurer votre application TOTP Étape 2 sur 3",
    ),
    (
        "configured",
        "Votre double authentification est bien configurée - ProConnect",
        "Votre double authentification est bien configurée",
    ),
    (
        "helper-device-sign-in",
        "Trouver la meilleure méthode de 2FA - ProConnect",
        "Trouver la meilleure méthode de 2FA",
    ),
    (
        "helper-install-account",
        "Choisir la meilleure méthode pour vous - ProConnect",
        "Trouver la meilleure méthode de 2FA",
    ),
    (
        "helper-external-help-account",
        "Intervention extérieure nécessaire - ProConnect",
        "Trouver la meilleure méthode de 2FA",
    ),
    ("error-400", "Erreur 400 - ProConnect", "Une erreur est survenue."),
    (
        "error-access-denied",
        "Erreur access_denied - ProConnect",
        "Une erreur est survenue.",
    ),
    ("error-404", "Page introuvable - ProConnect", "Page non trouvée"),
    (
        "error-429",
        "Accès temporairement limité - ProConnect",
        "Accès temporairement limité.",
    ),
    ("form-post", "Submitting Callback", "Retour vers le service"),
    ("logout", "Déconnexion en cours - ProConnect", "Déconnexion..."),
    (
        "confirmation",
        "Quitter l’organisation - ProConnect",
        "Quitter l’organisation",
    ),
    (
        "confirm-logout",
        "Se déconnecter - ProConnect",
        "Voulez-vous vous déconnecter de ProConnect ?",
    ),
];
