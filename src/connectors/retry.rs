//! One more try of what may be asked twice.

use std::time::Duration;

use rand::RngExt;

use super::call::CallError;

/// Milliseconds between the two tries, drawn anew each time so that callers do not come back together.
const PAUSE_IN_MILLISECONDS: std::ops::Range<u64> = 50..200;

/// Makes an idempotent call, and makes it once more when it was cut off or turned away in passing. A call that timed out is not made
/// again: whoever waits has waited long enough.
pub(super) async fn once_more<T, Call>(call: impl Fn() -> Call + Send + Sync) -> Result<T, CallError>
where
    T: Send,
    Call: Future<Output = Result<T, CallError>> + Send,
{
    match call().await {
        Err(error) if is_passing(&error) => {
            let pause = rand::rng().random_range(PAUSE_IN_MILLISECONDS);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            call().await
        }
        outcome => outcome,
    }
}

fn is_passing(error: &CallError) -> bool {
    matches!(error, CallError::Network(_) | CallError::Status(502..=504))
}
