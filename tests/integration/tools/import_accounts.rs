//! `identite import accounts` and `coop-accounts`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::tool::{Workbench, peak_memory_in_kib, told};
use crate::support::Process;

const GOOD: &str = "last_name,first_name,email,sub,siret
Dupont,Camille, Camille@exemple.fr ,sub-1,21340126800130 130 025 265 00013
Martin,Lou,lou@exemple.fr,sub-2,
";
const PATIENCE: Duration = Duration::from_mins(1);

/// The second number of the first row is written with blanks, which separate numbers: it is none.
fn good() -> String {
    GOOD.replace("130 025 265 00013", "13002526500013")
}

#[tokio::test]
async fn accounts_are_opened_and_linked_and_a_second_time_nothing_happens() {
    let bench = Workbench::new().await;
    bench.write("input.csv", &good());
    let (status, report) = bench.import("accounts", &[]);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(
        report["counts"],
        json!({"success": 2, "accounts_created": 2, "links_created": 2})
    );
    assert_eq!(report["finished"], true);
    let created = "SELECT count(*) FROM users
                   WHERE email IN ('camille@exemple.fr', 'lou@exemple.fr')
                     AND encrypted_password IS NULL
                     AND NOT email_verified
                     AND needs_inclusionconnect_welcome_page
                     AND needs_inclusionconnect_onboarding_help";
    assert_eq!(bench.database.count(created).await, 2);
    let linked = "SELECT count(*) FROM users_organizations AS link
                  JOIN users ON users.id = link.user_id
                  JOIN organizations ON organizations.id = link.organization_id
                  WHERE users.email = 'camille@exemple.fr'
                    AND organizations.siret IN ('21340126800130', '13002526500013')
                    AND link.verification_type = 'imported_from_inclusion_connect'
                    AND link.verified_at IS NOT NULL";
    assert_eq!(bench.database.count(linked).await, 2);
    let id = bench
        .database
        .count("SELECT id::bigint FROM users WHERE email = 'lou@exemple.fr'")
        .await;
    let output = bench.read("output.csv");
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "email,inclusionconnect_sub,moncomptepro_sub");
    assert_eq!(lines[2], format!("lou@exemple.fr,sub-2,{id}"));

    let (status, report) = bench.import("accounts", &[]);
    assert_eq!(status, Some(0));
    assert_eq!(report["counts"], json!({"success": 2}));
    assert_eq!(bench.read("output.csv"), output);
    let trail = "SELECT count(*) FROM identite_audit WHERE action = 'import.accounts' AND actor LIKE 'command line of %'";
    assert_eq!(bench.database.count(trail).await, 4, "two beginnings, two ends");
}

#[tokio::test]
async fn rows_that_cannot_be_taken_are_told_by_line_and_keep_no_other_out() {
    let bench = Workbench::new().await;
    bench.write(
        "input.csv",
        "last_name,first_name,email,sub,siret\n\
         Dupont,Camille,camille,sub-1,\n\
         Dupont,R2D2,r2d2@exemple.fr,sub-2,\n\
         Dupont,Camille,sans-sub@exemple.fr,,\n\
         Dupont,Camille,siret@exemple.fr,sub-4,123\n\
         Dupont,Camille,ferme@exemple.fr,sub-5,21850292000018\n\
         Dupont,Camille\n\
         Dupont,Camille,panne@exemple.fr,sub-7,99999999999999\n\
         Dupont,Camille,bon@exemple.fr,sub-8,21340126800130\n",
    );
    let (status, report) = bench.import("accounts", &["--rate", "100"]);
    assert_eq!(status, Some(3), "{report}");
    let errors = report["errors"].as_array().expect("errors");
    let told: BTreeSet<(u64, &str)> = errors
        .iter()
        .map(|error| {
            (
                error["line"].as_u64().expect("a line"),
                error["reason"].as_str().expect("a reason"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (2, "rejected_invalid_email_address"),
            (3, "rejected_invalid_names"),
            (4, "rejected_invalid_sub"),
            (5, "rejected_invalid_siret"),
            (6, "organization_not_linked"),
            (7, "rejected_malformed"),
            (8, "unexpected_error"),
        ]
        .into()
    );
    assert_eq!(report["counts"]["success"], 2);
    assert!(
        !report.to_string().contains("exemple.fr"),
        "a report holds no personal data"
    );
    let taken = "SELECT count(*) FROM users WHERE email IN
                 ('siret@exemple.fr', 'ferme@exemple.fr', 'panne@exemple.fr', 'bon@exemple.fr')";
    assert_eq!(bench.database.count(taken).await, 4);
    let refused = "SELECT count(*) FROM users WHERE email IN ('r2d2@exemple.fr', 'sans-sub@exemple.fr')";
    assert_eq!(bench.database.count(refused).await, 0);
    assert_eq!(bench.read("output.csv").lines().count(), 3);
}

#[tokio::test]
async fn a_file_that_is_none_is_refused_before_anything_is_written() {
    let bench = Workbench::new().await;
    for (kind, text, why) in [
        (
            "accounts",
            "email,sub\na@exemple.fr,1\n",
            "last_name, first_name, siret",
        ),
        ("accounts", "", "last_name"),
        ("coop-accounts", "prenom,nom\nCamille,Dupont\n", "prenom"),
        ("domains", "domaine;sirets\nexemple.fr;1\n", "domain"),
    ] {
        bench.write("input.csv", text);
        let output = bench
            .command(&["import", kind])
            .output()
            .expect("the program runs");
        assert_eq!(output.status.code(), Some(1));
        assert!(told(&output).contains(why), "{}", told(&output));
    }
    let output = bench
        .command(&["import", "accounts", "--input", "nowhere.csv"])
        .output();
    assert_eq!(output.expect("the program runs").status.code(), Some(1));
    assert_eq!(
        bench
            .database
            .count("SELECT count(*) FROM identite_imports")
            .await,
        0
    );
}

#[tokio::test]
async fn an_import_writes_over_no_file_that_it_reads() {
    let bench = Workbench::new().await;
    bench.write("input.csv", &good());
    std::os::unix::fs::symlink(bench.path("input.csv"), bench.path("symbolic.csv")).expect("a link");
    std::fs::hard_link(bench.path("input.csv"), bench.path("hard.csv")).expect("a link");
    let refused = |more: &[&str], options: [&str; 2]| {
        let arguments = [&["import", "accounts", "--input", "input.csv"][..], more].concat();
        let output = bench.command(&arguments).output().expect("the program runs");
        let text = told(&output);
        assert_eq!(output.status.code(), Some(2), "{more:?}: {text}");
        assert!(options.iter().all(|option| text.contains(*option)), "{text}");
    };
    for same in ["input.csv", "./input.csv", "symbolic.csv", "hard.csv"] {
        refused(&["--output", same], ["--input", "--output"]);
        refused(&["--output", same, "--dry-run"], ["--input", "--output"]);
        refused(&["--report", same], ["--input", "--report"]);
    }
    refused(
        &["--output", "new", "--report", "./new"],
        ["--output", "--report"],
    );
    assert_eq!(bench.read("input.csv"), good());
    assert!(!bench.path("new").exists() && !bench.path("output.csv").exists());
}

#[tokio::test]
async fn the_file_that_is_at_fault_is_named_and_no_other() {
    let bench = Workbench::new().await;
    bench.write("input.csv", &good());
    bench.write("header.csv", "email\n");
    for (option, file) in [
        ("--input", "nowhere.csv"),
        ("--input", "header.csv"),
        ("--output", "nowhere/output.csv"),
        ("--output", "/dev/full"),
        ("--report", "nowhere/report.json"),
    ] {
        let output = bench.command(&["import", "accounts", option, file]).output();
        let output = output.expect("the program runs");
        assert_eq!(output.status.code(), Some(1));
        let text = told(&output);
        assert!(text.starts_with(&format!("{file}: ")), "{text}");
        assert!(!text.contains("input.csv"), "{text}");
    }
    let imports = "SELECT count(*) FROM identite_imports";
    assert_eq!(bench.database.count(imports).await, 0);
}

#[tokio::test]
async fn a_dry_run_tells_and_writes_nothing() {
    let bench = Workbench::new().await;
    bench.write("input.csv", &good());
    let (status, report) = bench.import("accounts", &["--dry-run"]);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(report["counts"]["accounts_created"], 2);
    assert_eq!(report["dry_run"], true);
    for table in ["identite_imports", "identite_audit"] {
        assert_eq!(
            bench
                .database
                .count(&format!("SELECT count(*) FROM {table}"))
                .await,
            0
        );
    }
    let created = "SELECT count(*) FROM users WHERE email = 'lou@exemple.fr'";
    assert_eq!(bench.database.count(created).await, 0);
}

#[tokio::test]
async fn an_import_that_is_killed_goes_on_and_brings_nothing_twice() {
    const ROWS: i64 = 20_000;
    let bench = Workbench::new().await;
    let mut text = "last_name,first_name,email,sub,siret\n".to_owned();
    for number in 0..ROWS {
        writeln!(text, "Dupont,Camille,personne{number}@exemple.fr,sub-{number},").expect("a text");
    }
    bench.write("input.csv", &text);
    let mut killed = Process::start("the import", &mut bench.command(&["import", "accounts"]));
    let progress = "SELECT coalesce(max(records), 0)::bigint FROM identite_imports";
    let started = Instant::now();
    while bench.database.count(progress).await < 500 {
        assert!(started.elapsed() < PATIENCE && killed.is_running());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let peak = peak_memory_in_kib(killed.id());
    killed.kill();
    bench.database.wait_until_left_alone().await;
    let settled = bench.database.count(progress).await;
    assert!(settled < ROWS, "the import was over before it was killed");
    let imported = "SELECT count(*) FROM users WHERE email LIKE 'personne%@exemple.fr'";
    assert_eq!(
        bench.database.count(imported).await,
        settled,
        "rows and progress are one"
    );

    let (status, report) = bench.import("accounts", &[]);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(report["resumed_after"], settled);
    assert_eq!(report["records"], ROWS);
    assert_eq!(
        report["counts"],
        json!({"success": ROWS, "accounts_created": ROWS})
    );
    assert_eq!(bench.database.count(imported).await, ROWS);
    let output = bench.read("output.csv");
    let emails: BTreeSet<&str> = output
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    assert_eq!(output.lines().count(), emails.len() + 1, "no line twice");
    assert_eq!(emails.len(), usize::try_from(ROWS).expect("a count"));
    println!(
        "import: {ROWS} records, {} s after the kill, peak {peak} KiB",
        report["seconds"]
    );
    assert!(peak < 200_000, "{peak} KiB");
}

#[tokio::test]
async fn an_interruption_is_told_and_its_output_must_still_be_there() {
    let bench = Workbench::new().await;
    bench.write("input.csv", &good());
    bench
        .database
        .execute(
            "INSERT INTO identite_imports (kind, source, started_at, updated_at, records, line, input_offset, output_length, counts)
             SELECT 'accounts', encode(sha256('last_name'), 'hex'), now(), now(), 1, 3, 60, 70, '{}'",
        )
        .await;
    // Of another file: not gone on with.
    let (_, report) = bench.import("accounts", &[]);
    assert_eq!(report["resumed_after"], 0);
    bench
        .database
        .execute(&format!(
            "UPDATE identite_imports SET finished_at = NULL, output_length = 1000000 WHERE source = '{}'",
            report["source"].as_str().expect("a digest")
        ))
        .await;
    let output = bench
        .command(&["import", "accounts"])
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("--restart"), "{}", told(&output));
    let (status, report) = bench.import("accounts", &["--restart"]);
    assert_eq!((status, &report["resumed_after"]), (Some(0), &Value::from(0)));
}

const COOP_HEADER: &str = "prenom;nom;téléphone;email;coordinateur;Code Postal;Nom commune;SIRET structure;email professionnel secondaire\n";

#[tokio::test]
async fn accounts_of_the_mediation_are_opened_under_the_professional_address() {
    let bench = Workbench::new().await;
    let row = |name: &str, phone: &str, coordinator: &str, siret: &str, email: &str| {
        format!("Camille;{name};{phone};prive@exemple.fr;{coordinator};34240;Lamalou;{siret};{email}\n")
    };
    let text = [
        COOP_HEADER.to_owned(),
        row(
            "Dupont",
            "01 02 03 04 05",
            "oui",
            "21340126800130",
            "Coord@exemple.fr",
        ),
        row("Martin", "", "non", "213 401 268 00130", "conseil@exemple.fr"),
        row("Sans", "", "non", "21340126800130", "sans"),
        row("4", "", "non", "21340126800130", "quatre@exemple.fr"),
        row("Bernard", "12", "non", "21340126800130", "tel@exemple.fr"),
        row("Petit", "", "non", "1234", "siret@exemple.fr"),
        row("Grand", "", "non", "21850292000018", "ferme@exemple.fr"),
    ]
    .concat();
    bench.write("input.csv", &text);
    let (status, report) = bench.import("coop-accounts", &[]);
    assert_eq!(status, Some(3), "{report}");
    assert_eq!(report["counts"]["success"], 2);
    let jobs = "SELECT count(*) FROM users
                WHERE (email, job, phone_number IS NULL) IN (
                  ('coord@exemple.fr', 'Coordinateur conseillers numérique', false),
                  ('conseil@exemple.fr', 'Conseiller numérique', true)
                ) AND NOT needs_inclusionconnect_welcome_page";
    assert_eq!(bench.database.count(jobs).await, 2);
    let linked = "SELECT count(*) FROM users_organizations
                  WHERE verification_type = 'imported_from_coop_mediation_numerique'";
    assert_eq!(bench.database.count(linked).await, 2);
    assert_eq!(
        bench
            .database
            .count("SELECT count(*) FROM users WHERE email = 'prive@exemple.fr'")
            .await,
        0
    );
    let output = bench.read("output.csv");
    let reasons: BTreeSet<&str> = output
        .lines()
        .skip(1)
        .filter_map(|line| line.rsplit(';').next())
        .collect();
    assert_eq!(
        reasons,
        [
            "rejected_invalid_email_address",
            "rejected_invalid_names",
            "rejected_invalid_phone_number",
            "rejected_invalid_siret",
            "rejected_invalid_org",
        ]
        .into()
    );
    assert!(
        output.starts_with(&COOP_HEADER.replace('\n', ";error\n")),
        "{output}"
    );
}
