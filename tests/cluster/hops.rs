//! Every request goes to another node, and nobody notices.

use super::cluster::{Cluster, address};
use super::figures::Figures;
use super::person::{Person, redeem};

#[tokio::test]
async fn journeys_hop_from_node_to_node_at_every_request() {
    let cluster = Cluster::start().await;
    let figures = std::sync::Arc::new(Figures::default());
    for number in 0..6 {
        let person = Person {
            visitor: cluster.visitor(),
            email: address(number),
            figures: figures.clone(),
        };
        let code = person.obtain_code(&cluster.authorization_path()).await;
        assert!(
            redeem(&cluster.client, &cluster.url, &code, &figures)
                .await
                .is_some()
        );
        assert!(
            redeem(&cluster.client, &cluster.url, &code, &figures)
                .await
                .is_none(),
            "a code works once"
        );
        person.sign_out().await;
        // Whichever node is asked.
        for _ in 0..3 {
            assert!(!person.is_signed_in().await);
        }
        figures.count(|figures| &figures.journeys);
    }
    println!("hops: {figures}");
    assert_eq!(figures.get(|figures| &figures.failures), 0);
    assert_eq!(figures.get(|figures| &figures.begun_anew), 0);
    // Each node had its share.
    let mut urls = vec![cluster.first.operator_url.clone()];
    urls.extend(cluster.others.iter().map(|node| node.operator_url.clone()));
    for url in urls {
        let text = crate::support::http_get(url.join("metrics").expect("a path"))
            .await
            .expect("an answer")
            .text()
            .await
            .expect("text");
        let answers: f64 = text
            .lines()
            .filter_map(|line| line.strip_prefix("identite_http_answers_total{class=\""))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum();
        assert!(answers >= 10.0, "a node had {answers} requests");
    }
}

#[tokio::test]
async fn a_budget_is_one_for_all_nodes() {
    /// Of mails to choose another password, an address and a quarter of an hour.
    const RESETS: u64 = 5;
    let cluster = Cluster::start().await;
    let figures = std::sync::Arc::new(Figures::default());
    let mut granted = 0;
    for _ in 0..3 * RESETS {
        let person = Person {
            visitor: cluster.visitor(),
            email: address(0),
            figures: figures.clone(),
        };
        granted += u64::from(person.ask_for_reset().await);
    }
    println!("one budget: granted {granted} of {}, {figures}", 3 * RESETS);
    assert_eq!(granted, RESETS);
    assert_eq!(figures.get(|figures| &figures.failures), 0);
}
