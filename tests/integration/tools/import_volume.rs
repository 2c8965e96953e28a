//! Imports of large files: what interrupts them, and what they take.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use super::tool::{Workbench, peak_memory_in_kib};
use crate::support::{Process, number_from_environment};

const PATIENCE: Duration = Duration::from_mins(1);
const COOP_HEADER: &str = "prenom;nom;téléphone;email;coordinateur;Code Postal;Nom commune;SIRET structure;email professionnel secondaire\n";

fn repeated(header: &str, rows: usize, row: impl Fn(usize) -> String) -> String {
    let mut text = header.to_owned();
    for number in 0..rows {
        writeln!(text, "{}", row(number)).expect("a text");
    }
    text
}

/// Stops an import by `SIGTERM` once it has settled something, and lets it go on.
async fn is_interrupted_and_goes_on(kind: &str, text: &str, rows: usize, outcome: &str, output_lines: usize) {
    let bench = Workbench::new().await;
    bench.write("input.csv", text);
    let mut import = Process::start("the import", &mut bench.command(&["import", kind]));
    let progress = "SELECT coalesce(max(records), 0)::bigint FROM identite_imports";
    let started = Instant::now();
    while bench.database.count(progress).await == 0 {
        assert!(
            started.elapsed() < PATIENCE && import.is_running(),
            "it does not begin"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let status = import.stop(PATIENCE).await;
    assert_eq!(status.code(), Some(130), "{}", import.output());
    assert!(
        import.output().contains("the same command goes on"),
        "{}",
        import.output()
    );
    let settled = bench.database.count(progress).await;

    let (status, report) = bench.import(kind, &[]);
    assert!(matches!(status, Some(0 | 3)), "{report}");
    assert_eq!(
        (&report["resumed_after"], &report["finished"]),
        (&json!(settled), &json!(true))
    );
    assert_eq!(
        (&report["records"], &report["counts"][outcome]),
        (&json!(rows), &json!(rows))
    );
    assert_eq!(
        bench.read("output.csv").lines().count(),
        output_lines,
        "each once"
    );
}

#[tokio::test]
async fn an_import_of_domains_that_is_stopped_goes_on() {
    const ROWS: usize = 50_000;
    let text = repeated("domain,sirets\n", ROWS, |number| format!("domaine{number}.fr,"));
    is_interrupted_and_goes_on("domains", &text, ROWS, "ignored", ROWS + 1).await;
}

#[tokio::test]
async fn an_import_of_the_mediation_that_is_stopped_goes_on() {
    const ROWS: usize = 50_000;
    let row = |number: usize| {
        format!("Lou;Martin;;lou@exemple.fr;non;;;pas un siret {number};lou{number}@exemple.fr")
    };
    let text = repeated(COOP_HEADER, ROWS, row);
    is_interrupted_and_goes_on("coop-accounts", &text, ROWS, "rejected_invalid_siret", ROWS + 1).await;
}

/// `RECORDS=1000000 cargo test --test integration many_records -- --nocapture` for the figures of docs/OPERATIONS.md.
#[tokio::test]
async fn many_records_take_no_more_memory_than_a_thousand() {
    const HEADER: &str = "last_name,first_name,email,sub,siret\n";
    let mut peaks = Vec::new();
    for rows in [1_000, number_from_environment("RECORDS", 30_000)] {
        let bench = Workbench::new().await;
        let text = repeated(HEADER, rows, |number| {
            format!("Dupont,Camille,personne{number}@exemple.fr,sub-{number},")
        });
        bench.write("input.csv", &text);
        drop(text);
        let started = Instant::now();
        let mut import = Process::start("the import", &mut bench.command(&["import", "accounts"]));
        let mut peak = 0;
        while import.is_running() {
            peak = peak_memory_in_kib(import.id()).max(peak);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let seconds = started.elapsed().as_secs_f64();
        println!("{rows} records: {seconds:.1} s, at most {peak} KiB");
        let imported = "SELECT count(*) FROM users WHERE email LIKE 'personne%@exemple.fr'";
        let imported = bench.database.count(imported).await;
        assert_eq!(
            imported,
            i64::try_from(rows).expect("a count"),
            "{}",
            import.output()
        );
        peaks.push(peak);
    }
    assert!(peaks[1] < peaks[0] + 16 * 1024, "{peaks:?} KiB");
}
