//! One more try of what may be asked twice.

use std::time::{Duration, Instant};

use rand::RngExt;

use super::call::CallError;

/// Milliseconds between the two tries, drawn anew each time so that callers do not come back together.
const PAUSE_IN_MILLISECONDS: std::ops::Range<u64> = 50..200;

/// Makes an idempotent call, and makes it once more when it was cut off or turned away in passing while there is time left until
/// `until`, at which both calls end. A call that timed out is not made again: whoever waits has waited long enough.
pub(super) async fn once_more<T, Call>(
    until: Instant,
    call: impl Fn() -> Call + Send + Sync,
) -> Result<T, CallError>
where
    T: Send,
    Call: Future<Output = Result<T, CallError>> + Send,
{
    match call().await {
        Err(error) if is_passing(&error) => {
            let pause = Duration::from_millis(rand::rng().random_range(PAUSE_IN_MILLISECONDS));
            if Instant::now() + pause >= until {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            call().await
        }
        outcome => outcome,
    }
}

fn is_passing(error: &CallError) -> bool {
    matches!(error, CallError::Network(_) | CallError::Status(502..=504))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// How many calls are made when each ends like this, with so much time.
    async fn calls(outcome: Result<(), CallError>, time: Duration) -> u32 {
        let calls = AtomicU32::new(0);
        let ended = once_more(Instant::now() + time, async || {
            calls.fetch_add(1, Ordering::Relaxed);
            outcome.clone()
        })
        .await;
        assert_eq!(ended, outcome);
        calls.into_inner()
    }

    #[tokio::test]
    async fn what_passes_is_tried_once_more_while_there_is_time() {
        let (plenty, none) = (Duration::from_secs(8), Duration::from_millis(10));
        for (outcome, time, expected) in [
            (Err(CallError::Network("cut off".to_owned())), plenty, 2),
            (Err(CallError::Status(503)), plenty, 2),
            (Err(CallError::Status(503)), none, 1),
            (Err(CallError::Status(500)), plenty, 1),
            (Err(CallError::Timeout), plenty, 1),
            (Ok(()), plenty, 1),
        ] {
            assert_eq!(calls(outcome.clone(), time).await, expected, "{outcome:?}");
        }
    }
}
