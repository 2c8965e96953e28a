//! `identite import domains`.

use serde_json::json;

use super::tool::Workbench;

#[tokio::test]
async fn domains_that_an_organization_does_not_know_are_added_to_be_verified() {
    let bench = Workbench::new().await;
    bench.write(
        "input.csv",
        "domain,sirets\n\
         Ville-Exemple.fr,21340126800130 13002526500013\n\
         ville-exemple.fr,21340126800130\n\
         sans-siret.fr,\n",
    );
    let (status, report) = bench.import("domains", &[]);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(
        report["counts"],
        json!({"success": 2, "already_known_by_mcp": 1, "ignored": 1})
    );
    assert_eq!(
        bench.read("output.csv"),
        "domain,sirets,result\n\
         Ville-Exemple.fr,21340126800130 13002526500013,success success\n\
         ville-exemple.fr,21340126800130,already_known_by_mcp\n\
         sans-siret.fr,,ignored\n"
    );
    let added = "SELECT count(*) FROM email_domains
                 WHERE domain = 'ville-exemple.fr' AND verification_type = 'not_verified_yet' AND verified_at IS NOT NULL";
    assert_eq!(bench.database.count(added).await, 2);

    let (status, report) = bench.import("domains", &[]);
    assert_eq!(status, Some(0));
    assert_eq!(report["counts"], json!({"already_known_by_mcp": 3, "ignored": 1}));
    assert_eq!(bench.database.count(added).await, 2);
}

#[tokio::test]
async fn a_domain_known_under_any_type_is_left_alone() {
    let bench = Workbench::new().await;
    bench.write("input.csv", "domain,sirets\nconnu.fr,21340126800130\n");
    bench.import("domains", &[]);
    bench
        .database
        .execute("UPDATE email_domains SET verification_type = 'refused' WHERE domain = 'connu.fr'")
        .await;
    let (_, report) = bench.import("domains", &[]);
    assert_eq!(report["counts"], json!({"already_known_by_mcp": 1}));
    assert_eq!(
        bench
            .database
            .count("SELECT count(*) FROM email_domains WHERE domain = 'connu.fr'")
            .await,
        1
    );
}

#[tokio::test]
async fn what_cannot_be_added_is_told() {
    let bench = Workbench::new().await;
    bench.write(
        "input.csv",
        "domain,sirets\n\
         pas un domaine,21340126800130\n\
         gmail.com,21340126800130\n\
         exemple.fr,123 21850292000018 99999999999999 21340126800130\n",
    );
    let mut command = bench.command(&["import", "domains", "--rate", "100"]);
    command.env("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE", "False");
    let output = command.output().expect("the program runs");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        bench.read("output.csv"),
        "domain,sirets,result\n\
         pas un domaine,21340126800130,rejected_invalid_domain\n\
         gmail.com,21340126800130,rejected_free_email_domain\n\
         exemple.fr,123 21850292000018 99999999999999 21340126800130,\
         rejected_invalid_siret rejected_inactive_org unexpected_error success\n"
    );
    let told = String::from_utf8(output.stderr).expect("text");
    assert!(
        told.contains("line 2: rejected_invalid_domain (domain)"),
        "{told}"
    );
    assert!(told.contains("line 4: rejected_inactive_org (sirets)"), "{told}");
}
