//! Who wants the same key waits in line.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use tokio::sync::oneshot;

type Lines = Rc<RefCell<HashMap<String, VecDeque<oneshot::Sender<()>>>>>;

/// The lines of one shard: a key is present while somebody has its turn.
#[derive(Clone, Default)]
pub(super) struct Turns {
    lines: Lines,
}

/// The right to work on a key, until it is dropped.
pub(super) struct Turn {
    lines: Lines,
    key: String,
}

impl Turns {
    pub(super) async fn wait_for(&self, key: &str) -> Turn {
        let wait = {
            let mut lines = self.lines.borrow_mut();
            if let Some(line) = lines.get_mut(key) {
                let (call, wait) = oneshot::channel();
                line.push_back(call);
                Some(wait)
            } else {
                lines.insert(key.to_owned(), VecDeque::new());
                None
            }
        };
        if let Some(wait) = wait {
            // A line is only dropped when it is empty, so the call always comes.
            let _ = wait.await;
        }
        Turn {
            lines: self.lines.clone(),
            key: key.to_owned(),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut lines = self.lines.borrow_mut();
        let Some(line) = lines.get_mut(&self.key) else {
            return;
        };
        while let Some(next) = line.pop_front() {
            if next.send(()).is_ok() {
                return;
            }
        }
        lines.remove(&self.key);
    }
}
