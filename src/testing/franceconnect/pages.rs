//! The pages of the played provider.

use actix_web::HttpResponse;
use handlebars::Handlebars;
use serde_json::{Value, json};

use super::persona::Persona;

const CHOOSE: &str = r#"<!DOCTYPE html>
<html lang="fr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Connexion 🎭 FranceConnect 🎭</title>
<link rel="stylesheet" href="/dist/main.css">
</head>
<body>
<main class="main-connexion" id="main">
<h1>FranceConnect 🎭</h1>
<p>Ceci est une imitation de FranceConnect, pour essayer. Qui êtes-vous ?</p>
{{#each personas}}
<form class="fr-mb-1w" method="post">
{{#each claims}}<input type="hidden" name="{{@key}}" value="{{this}}">
{{/each}}<button class="fr-btn fr-btn--secondary btn-full-width" type="submit">Je suis {{claims.given_name}} {{claims.family_name}}</button>
</form>
{{/each}}
<p class="fr-mt-3w"><a class="fr-link" href="{{way_back}}">Revenir sur votre fournisseur de service</a></p>
</main>
</body>
</html>
"#;

const SIGN_OUT: &str = r#"<!DOCTYPE html>
<html lang="fr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="1;url={{way_back}}">
<title>Déconnexion 🎭 FranceConnect 🎭</title>
<link rel="stylesheet" href="/dist/main.css">
</head>
<body>
<main class="main-connexion" id="main">
<h1>Déconnexion en cours...</h1>
<p><a class="fr-link" href="{{way_back}}">Poursuivre</a></p>
</main>
</body>
</html>
"#;

/// Who one wants to be; `way_back` declines.
pub(super) fn choose(personas: &[Persona], way_back: &str) -> HttpResponse {
    let personas: Vec<Value> = personas
        .iter()
        .map(|persona| json!({ "claims": persona }))
        .collect();
    page(CHOOSE, &json!({ "personas": personas, "way_back": way_back }))
}

/// The sign-out, which leads on by itself.
pub(super) fn sign_out(way_back: &str) -> HttpResponse {
    page(SIGN_OUT, &json!({ "way_back": way_back }))
}

fn page(template: &str, model: &Value) -> HttpResponse {
    match Handlebars::new().render_template(template, model) {
        Ok(body) => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .body(body),
        Err(error) => {
            tracing::error!(%error, "a page of the played FranceConnect cannot be rendered");
            HttpResponse::InternalServerError().finish()
        }
    }
}
