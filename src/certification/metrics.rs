//! What operators see of certifications.
//!
//! | metric | type, unit | labels |
//! |---|---|---|
//! | `identite_certifications_total` | counter | `outcome`: see [`Evaluation::NAMES`] |
//!
//! A person whom no register names is no fault, and so no error of the log: how often it happens is told here.

use prometheus::{IntCounterVec, Opts, Registry};

use super::evaluation::Evaluation;

/// The counters. Cheap to clone.
#[derive(Clone)]
pub struct CertificationMetrics {
    outcomes: IntCounterVec,
}

impl CertificationMetrics {
    /// Registers the family. Its series are there from the start: no certification yet is a count of zero.
    ///
    /// # Errors
    /// When `registry` already holds a metric of this name.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let outcomes = IntCounterVec::new(
            Opts::new(
                "identite_certifications_total",
                "Executives that were looked for in the registers, by what these said",
            ),
            &["outcome"],
        )?;
        for name in Evaluation::NAMES {
            let _ = outcomes.with_label_values(&[name]);
        }
        registry.register(Box::new(outcomes.clone()))?;
        Ok(Self { outcomes })
    }

    pub(super) fn count(&self, evaluation: &Evaluation) {
        self.outcomes.with_label_values(&[evaluation.name()]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_apart_and_each_is_there_from_the_start() {
        let registry = Registry::new();
        let metrics = CertificationMetrics::register(&registry).unwrap();
        metrics.count(&Evaluation::NotCovered);
        metrics.count(&Evaluation::Unavailable);
        metrics.count(&Evaluation::Unavailable);
        let families = registry.gather();
        assert_eq!(families[0].get_metric().len(), Evaluation::NAMES.len());
        let counted = |name: &str| metrics.outcomes.with_label_values(&[name]).get();
        assert_eq!(Evaluation::NAMES.map(counted), [0, 0, 0, 1, 2]);
    }
}
