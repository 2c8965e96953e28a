//! The token that lets us into a remote system, from one login to the next.
//!
//! * However many ask while there is none, one login is in flight: they join it, and share its failure.
//! * A token that is used is replaced *before* it ends: in the last part of its life one login fetches the next one while the old
//!   one is still handed out, so that nobody waits for it. One that nobody used is left to end.
//! * A token that the system refused is not handed out again; whoever reports one that was replaced meanwhile gets the new one.
//! * A failed login is nobody's but theirs who waited for it: the next one tries again. Leaving a failing system alone is the
//!   business of the port ([`Login`]), which knows its protocol.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use futures::future::{LocalBoxFuture, Shared};

use crate::clock::SharedClock;
use crate::instrumentation::Instruments;
use crate::supervision::{ActorError, Answer, Answers, Behaviour, Handle, Request, start};

/// Look-ups in progress at the same time.
const MAILBOX_CAPACITY: usize = 10_000;
/// How often the actor looks whether its token is to be replaced.
const LOOKS_EVERY: Duration = Duration::from_secs(5);
/// A token is not handed out any more this long before it ends: it has yet to arrive.
const MARGIN: TimeDelta = TimeDelta::seconds(10);
/// The part of its life at whose end a token is replaced: the last fifth.
const REPLACED_IN_THE_LAST: i32 = 5;

/// A token and how long it lets us in.
#[derive(Debug, Clone)]
pub struct Granted<T> {
    pub token: T,
    pub life: TimeDelta,
}

/// The login of a remote system.
#[async_trait]
pub trait Login<T, E>: Send + Sync {
    /// Asks for a token. Whoever implements it bounds the time that it takes and leaves a failing system alone.
    ///
    /// # Errors
    /// When there is none.
    async fn log_in(&self) -> Result<Granted<T>, E>;
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoToken<E> {
    /// The login failed.
    #[error("the login failed")]
    Login(E),
    /// The actor itself gave no answer.
    #[error(transparent)]
    Actor(#[from] ActorError),
}

/// See the module. Cheap to clone.
pub struct AccessTokens<T: Send + Sync + 'static, E: Clone + Send + 'static> {
    actor: Handle<TokenActor<T, E>>,
}

impl<T: Send + Sync + 'static, E: Clone + Send + 'static> Clone for AccessTokens<T, E> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
        }
    }
}

impl<T: Send + Sync + 'static, E: Clone + Send + 'static> AccessTokens<T, E> {
    /// Starts the actor `name`, which is also the label of its metrics; must be called where an actix `System` runs.
    pub fn start(
        name: &'static str,
        login: Arc<dyn Login<T, E>>,
        clock: SharedClock,
        instruments: &Instruments,
    ) -> Self {
        let actor = start(instruments, name, MAILBOX_CAPACITY, move || {
            TokenActor(Rc::new(Inner {
                login: login.clone(),
                clock: clock.clone(),
                held: RefCell::default(),
                flight: RefCell::default(),
            }))
        });
        Self { actor }
    }

    /// A token to call with; another one than `refused`, if the system refused that.
    ///
    /// # Errors
    /// See [`NoToken`].
    pub async fn token(&self, refused: Option<&Arc<T>>) -> Result<Arc<T>, NoToken<E>> {
        let message = Token {
            refused: refused.cloned(),
            error: std::marker::PhantomData,
        };
        self.actor.ask(message).await?.map_err(NoToken::Login)
    }
}

type Outcome<T, E> = Result<Arc<T>, E>;
type Flight<T, E> = Shared<LocalBoxFuture<'static, Outcome<T, E>>>;

/// The behaviour of [`AccessTokens`].
pub struct TokenActor<T: Send + Sync + 'static, E: Clone + Send + 'static>(Rc<Inner<T, E>>);

struct Inner<T: Send + Sync + 'static, E: Clone + Send + 'static> {
    login: Arc<dyn Login<T, E>>,
    clock: SharedClock,
    held: RefCell<Option<Held<T>>>,
    flight: RefCell<Option<Flight<T, E>>>,
}

struct Held<T> {
    token: Arc<T>,
    replaced_from: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    was_used: Cell<bool>,
}

impl<T: Send + Sync + 'static, E: Clone + Send + 'static> Inner<T, E> {
    /// The token, if it still lets us in. Who takes it uses it.
    fn take(&self) -> Option<Arc<T>> {
        let held = self.held.borrow();
        let held = held.as_ref().filter(|held| self.clock.now() < held.ends_at)?;
        held.was_used.set(true);
        Some(held.token.clone())
    }

    fn forget(&self, refused: &Arc<T>) {
        let mut held = self.held.borrow_mut();
        if held
            .as_ref()
            .is_some_and(|held| Arc::ptr_eq(&held.token, refused))
        {
            *held = None;
        }
    }

    fn is_to_be_replaced(&self) -> bool {
        let held = self.held.borrow();
        held.as_ref().is_some_and(|held| {
            let now = self.clock.now();
            held.was_used.get() && held.replaced_from <= now && now < held.ends_at
        })
    }

    /// The login in progress, or a new one.
    fn flight(self: &Rc<Self>) -> Flight<T, E> {
        if let Some(flight) = self.flight.borrow().as_ref() {
            return flight.clone();
        }
        let landing = Landing(self.clone());
        let work = async move {
            let outcome = landing.0.log_in().await;
            drop(landing);
            outcome
        };
        let flight = work.boxed_local().shared();
        *self.flight.borrow_mut() = Some(flight.clone());
        flight
    }

    async fn log_in(&self) -> Outcome<T, E> {
        let asked_at = self.clock.now();
        let Granted { token, life } = self.login.log_in().await?;
        let token = Arc::new(token);
        *self.held.borrow_mut() = Some(Held {
            token: token.clone(),
            replaced_from: asked_at + life - life / REPLACED_IN_THE_LAST,
            ends_at: asked_at + life - MARGIN,
            was_used: Cell::new(false),
        });
        Ok(token)
    }
}

/// Takes the flight off the list when it ends, even by a panic.
struct Landing<T: Send + Sync + 'static, E: Clone + Send + 'static>(Rc<Inner<T, E>>);

impl<T: Send + Sync + 'static, E: Clone + Send + 'static> Drop for Landing<T, E> {
    fn drop(&mut self) {
        // Taken out before it is dropped: its drop may come back here.
        let flight = self
            .0
            .flight
            .try_borrow_mut()
            .ok()
            .and_then(|mut flight| flight.take());
        drop(flight);
    }
}

impl<T: Send + Sync + 'static, E: Clone + Send + 'static> Behaviour for TokenActor<T, E> {
    const MESSAGES: &'static [&'static str] = &["token"];

    fn tick_every(&self) -> Option<Duration> {
        Some(LOOKS_EVERY)
    }

    fn tick(&mut self) -> Option<LocalBoxFuture<'static, ()>> {
        if !self.0.is_to_be_replaced() {
            return None;
        }
        let flight = self.0.flight();
        Some(flight.map(|_| ()).boxed_local())
    }
}

struct Token<T, E> {
    refused: Option<Arc<T>>,
    error: std::marker::PhantomData<fn() -> E>,
}

impl<T: Send + Sync + 'static, E: Clone + Send + 'static> Request for Token<T, E> {
    type Response = Outcome<T, E>;
    const NAME: &'static str = "token";

    fn failed(response: &Self::Response) -> bool {
        response.is_err()
    }
}

impl<T: Send + Sync + 'static, E: Clone + Send + 'static> Answers<Token<T, E>> for TokenActor<T, E> {
    fn answer(&mut self, message: Token<T, E>) -> Answer<Outcome<T, E>> {
        if let Some(refused) = &message.refused {
            self.0.forget(refused);
        }
        let Some(token) = self.0.take() else {
            let inner = self.0.clone();
            let flight = self.0.flight();
            return Answer::Later(
                async move {
                    let outcome = flight.await;
                    inner.take().map_or(outcome, Ok)
                }
                .boxed_local(),
            );
        };
        if self.0.is_to_be_replaced() {
            let flight = self.0.flight();
            actix::spawn(async move {
                let _ = flight.await;
            });
        }
        Answer::Now(Ok(token))
    }
}
