//! Elements of the pages of organizations: sample, a selector that must find one element, and the text of that element.

pub(super) const ORGANIZATION_HOOKS: &[(&str, &str, &str)] = &[
    ("join", "[type=submit]", "Enregistrer"),
    ("join", "[name=siret]#siret-selector", ""),
    (
        "join",
        "label[for=siret-selector]",
        "SIRET de l’organisation que vous représentez Il est composé de 14 chiffres",
    ),
    ("join-error", "[name=siret][value='21920023500014']", ""),
    (
        "join-waiting",
        ".fr-alert--info a[href='/users/unable-to-auto-join-organization?moderation_id=7']",
        "Voir cette demande pour rejoindre « Commune de clamart - Mairie »",
    ),
    (
        "join-error",
        "#organization-alert:not([hidden])",
        "Erreur : SIRET invalide. D’après l’INSEE, cet établissement est fermé.",
    ),
    (
        "join-error",
        "#siret-selector[aria-invalid=true][aria-describedby=organization-alert][autofocus]",
        "",
    ),
    ("join", "#organization-alert[role=alert][hidden]", "Erreur :"),
    (
        "suggestions",
        "[aria-label=\"Sélectionner l'organisation Commune de clamart - Mairie\"]",
        "Commune de clamart - Mairie",
    ),
    (
        "join-confirm",
        "main p:first-of-type",
        "🕵️ Vous souhaitez rejoindre Totalenergies se avec l’adresse email jean.user@yopmail.com.",
    ),
    (
        "join-confirm",
        "[href='/users/start-sign-in']",
        "Corriger l’email",
    ),
    ("join-confirm", "[type=submit]", "Continuer avec cet email"),
    (
        "domain-not-allowed",
        "main p:first-of-type",
        "Seules les adresses finances.gouv.fr peuvent rejoindre l’organisation « Commune de clamart - Mairie ».",
    ),
    (
        "domain-refused",
        "main p:first-of-type",
        "Vous ne pouvez pas rejoindre l’organisation « Commune de clamart - Mairie ».",
    ),
    (
        "contact-ask",
        "legend",
        "À quelle adresse e-mail souhaitez-vous recevoir le code ?",
    ),
    (
        "contact-ask",
        "label[for='email-courrier@lahague.com']",
        "courrier@lahague.com",
    ),
    (
        "contact-code",
        "label[for=official_contact_email_verification_token]",
        "Insérer le code à 2 mots",
    ),
    (
        "contact-code",
        "[aria-invalid=true][aria-describedby=code-error][autofocus]",
        "",
    ),
    (
        "contact-code",
        "#code-error",
        "Ce code n’est pas le bon, ou n’est plus valable. Vérifiez-le auprès de la personne qui l’a reçu.",
    ),
    (
        "moderation-pending",
        "[action='/users/cancel-moderation-and-redirect-to-sign-in/7'] [aria-label=\"Corriger l'adresse email\"]",
        "",
    ),
    ("moderation-pending", "[aria-label='Corriger le nom']", ""),
    (
        "moderation-pending",
        "[aria-label=\"Corriger l'organisation de rattachement\"]",
        "Changer d'organisation",
    ),
    (
        "moderation-rejected",
        "a[aria-label='Changer d’adresse email'][href='/users/start-sign-in']",
        "",
    ),
    (
        "moderation-editable",
        "[action='/users/reopen-moderation/7'] [aria-label='Corriger le nom']",
        "",
    ),
];
