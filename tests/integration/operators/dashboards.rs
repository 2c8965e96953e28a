//! The rules and the dashboard that are shipped speak of metrics that there are.

use std::collections::BTreeSet;

use serde_json::Value;

const DOCUMENTATION: &str = include_str!("../../../docs/OPERATIONS.md");
const ALERTS: &str = include_str!("../../../ops/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../../../ops/grafana/identite.json");

/// The families that a text names, without the suffixes of histograms.
fn families(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words
        .filter(|word| word.starts_with("identite_"))
        .map(|word| {
            let family = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|suffix| word.strip_suffix(suffix));
            family.unwrap_or(word).to_owned()
        })
        .collect()
}

#[test]
fn every_metric_of_alerts_and_dashboard_is_documented() {
    for (name, text) in [("alerts", ALERTS), ("dashboard", DASHBOARD)] {
        let families = families(text);
        assert!(families.len() >= 8, "{name}: {families:?}");
        for family in families {
            assert!(DOCUMENTATION.contains(&format!("`{family}`")), "{name}: {family}");
        }
    }
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_i64().expect("an id")), "ids are unique");
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{}", panel["title"]);
        for target in targets {
            let expression = target["expr"].as_str().expect("an expression");
            assert_eq!(
                expression.matches('(').count(),
                expression.matches(')').count(),
                "{expression}"
            );
        }
    }
}
