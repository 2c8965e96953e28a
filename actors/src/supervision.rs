//! What makes an actor dependable: a bounded mailbox, a life of its own, and a restart after a panic.
//!
//! An actor is a [`Behaviour`] with one [`Answers`] implementation per message type. [`start`] gives it a dedicated
//! arbiter (a thread with a single-threaded runtime) and returns a [`Handle`].
//!
//! A panic in the middle of a message, in its synchronous or asynchronous part, is caught: the sender of that
//! message gets [`ActorError::Failed`], the behaviour is built anew, and every other message in the mailbox or
//! in progress is served. Actix's own supervisor restarts an actor that stops itself, but a panic takes its
//! context and mailbox away; this is why it is caught before it gets there.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Addr, Arbiter, ArbiterHandle, AsyncContext, Context, Handler, Message};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use tokio::sync::oneshot;

use crate::instrumentation::{ActorMeter, Instruments, Measure};

/// Why an actor gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActorError {
    /// The mailbox is full. Known at once, nothing was done.
    #[error("the mailbox is full")]
    Overloaded,
    /// The handling panicked; it may have been done in part.
    #[error("the handling of the message failed")]
    Failed,
    /// The actor or the process is stopping.
    #[error("the actor has stopped")]
    Stopped,
}

/// A message and the type of its answer.
pub trait Request: Send + 'static {
    type Response: Send + 'static;

    /// The value of the `message` label; one of [`Behaviour::MESSAGES`].
    const NAME: &'static str;

    /// Whether `response` counts as a failure in the metrics.
    fn failed(_response: &Self::Response) -> bool {
        false
    }
}

/// The answer to a message: ready, or the work that leads to it. Work in progress does not keep the actor from its
/// next message; it is not tied to the behaviour and survives its restart.
pub enum Answer<R> {
    Now(R),
    Later(LocalBoxFuture<'static, R>),
}

/// What an actor is: its state and what it does by itself.
pub trait Behaviour: Sized + Unpin + 'static {
    /// The names of all its messages.
    const MESSAGES: &'static [&'static str];

    /// The period of [`Behaviour::tick`]; none by default.
    fn tick_every(&self) -> Option<Duration> {
        None
    }

    /// What it does by itself, periodically. The next tick does not start before the last one has ended.
    fn tick(&mut self) -> Option<LocalBoxFuture<'static, ()>> {
        None
    }
}

/// How a [`Behaviour`] answers messages of type `M`.
pub trait Answers<M: Request>: Behaviour {
    fn answer(&mut self, message: M) -> Answer<M::Response>;
}

/// The address of a running actor. Cheap to clone; usable from any thread and any runtime. The actor stops when the
/// last handle is dropped.
pub struct Handle<B: Behaviour> {
    line: Arc<Line<B>>,
}

struct Line<B: Behaviour> {
    address: Addr<Shell<B>>,
    meter: Arc<ActorMeter>,
}

impl<B: Behaviour> Drop for Line<B> {
    fn drop(&mut self) {
        self.address.do_send(Stop);
    }
}

impl<B: Behaviour> Clone for Handle<B> {
    fn clone(&self) -> Self {
        Self {
            line: self.line.clone(),
        }
    }
}

impl<B: Behaviour> Handle<B> {
    /// Sends `message` and waits for its answer. Dropping the future does not undo what has begun.
    ///
    /// # Errors
    /// See [`ActorError`]. `Overloaded` comes at once.
    pub async fn ask<M>(&self, message: M) -> Result<M::Response, ActorError>
    where
        M: Request,
        B: Answers<M>,
    {
        let (reply, answer) = oneshot::channel();
        self.send(message, Some(reply))?;
        match answer.await {
            Ok(response) => Ok(response),
            Err(_) if self.line.address.connected() => Err(ActorError::Failed),
            Err(_) => Err(ActorError::Stopped),
        }
    }

    /// Sends `message` without waiting for its answer.
    ///
    /// # Errors
    /// `Overloaded` or `Stopped`, at once.
    pub fn tell<M>(&self, message: M) -> Result<(), ActorError>
    where
        M: Request,
        B: Answers<M>,
    {
        self.send(message, None)
    }

    /// The measurements of this actor.
    #[must_use]
    pub fn meter(&self) -> &Arc<ActorMeter> {
        &self.line.meter
    }

    fn send<M>(&self, message: M, reply: Option<oneshot::Sender<M::Response>>) -> Result<(), ActorError>
    where
        M: Request,
        B: Answers<M>,
    {
        if !self.line.address.connected() {
            return Err(ActorError::Stopped);
        }
        let measure = self.line.meter.accept(M::NAME).ok_or(ActorError::Overloaded)?;
        // The meter is the bound of the mailbox: it also counts work in progress, which the actix mailbox does not.
        self.line.address.do_send(Envelope {
            message,
            reply,
            measure,
        });
        Ok(())
    }
}

/// Starts an actor on an arbiter of its own. `factory` builds its first state and every state after a panic.
/// `capacity` bounds the messages accepted and not answered yet.
///
/// # Panics
/// When no actix `System` runs on the calling thread, or when the thread cannot be created.
pub fn start<B, F>(
    instruments: &Instruments,
    name: impl Into<String>,
    capacity: usize,
    factory: F,
) -> Handle<B>
where
    B: Behaviour,
    F: Fn() -> B + Send + 'static,
{
    let meter = instruments.meter(name, capacity, B::MESSAGES);
    let arbiter = Arbiter::new();
    let own = arbiter.handle();
    let shell_meter = meter.clone();
    let address = Shell::start_in_arbiter(&arbiter.handle(), move |_| Shell {
        behaviour: factory(),
        factory: Box::new(factory),
        meter: shell_meter,
        ticking: false,
        arbiter: own,
    });
    Handle {
        line: Arc::new(Line { address, meter }),
    }
}

/// The actix actor around a behaviour.
pub struct Shell<B: Behaviour> {
    behaviour: B,
    factory: Box<dyn Fn() -> B + Send>,
    meter: Arc<ActorMeter>,
    ticking: bool,
    arbiter: ArbiterHandle,
}

impl<B: Behaviour> Shell<B> {
    fn restart(&mut self, message: &'static str, panic: &(dyn Any + Send)) {
        let name = self.meter.name();
        tracing::error!(
            actor = name,
            message,
            panic = panic_text(panic),
            "an actor panicked and restarts"
        );
        match catch_unwind(AssertUnwindSafe(|| (self.factory)())) {
            Ok(behaviour) => self.behaviour = behaviour,
            Err(panic) => {
                tracing::error!(
                    actor = name,
                    panic = panic_text(&*panic),
                    "its restart panicked, the old state is kept"
                );
            }
        }
        self.meter.restarted();
    }

    fn run_tick(&mut self, context: &mut Context<Self>) {
        if self.ticking {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| self.behaviour.tick())) {
            Ok(None) => {}
            Ok(Some(work)) => {
                self.ticking = true;
                let address = context.address();
                actix::spawn(async move {
                    let panic = AssertUnwindSafe(work).catch_unwind().await.err();
                    address.do_send(TickEnded { panic });
                });
            }
            Err(panic) => self.restart("tick", &*panic),
        }
    }
}

impl<B: Behaviour> Actor for Shell<B> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        if let Some(period) = self.behaviour.tick_every() {
            context.run_interval(period, Self::run_tick);
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.meter.stopped();
        self.arbiter.stop();
    }
}

struct Envelope<M: Request> {
    message: M,
    reply: Option<oneshot::Sender<M::Response>>,
    measure: Measure,
}

impl<M: Request> Message for Envelope<M> {
    type Result = ();
}

impl<M: Request, B: Answers<M>> Handler<Envelope<M>> for Shell<B> {
    type Result = ();

    fn handle(&mut self, envelope: Envelope<M>, context: &mut Self::Context) {
        let Envelope {
            message,
            reply,
            measure,
        } = envelope;
        match catch_unwind(AssertUnwindSafe(|| self.behaviour.answer(message))) {
            Ok(Answer::Now(response)) => finish::<M>(measure, reply, response),
            Ok(Answer::Later(work)) => {
                let address = context.address();
                actix::spawn(async move {
                    match AssertUnwindSafe(work).catch_unwind().await {
                        Ok(response) => finish::<M>(measure, reply, response),
                        Err(panic) => {
                            measure.lost();
                            drop(reply);
                            address.do_send(Panicked {
                                message: M::NAME,
                                panic,
                            });
                        }
                    }
                });
            }
            Err(panic) => {
                measure.lost();
                self.restart(M::NAME, &*panic);
                drop(reply);
            }
        }
    }
}

fn finish<M: Request>(measure: Measure, reply: Option<oneshot::Sender<M::Response>>, response: M::Response) {
    measure.answered(M::failed(&response));
    if let Some(reply) = reply {
        // The caller may have gone away; that is its right.
        let _ = reply.send(response);
    }
}

struct Stop;

impl Message for Stop {
    type Result = ();
}

impl<B: Behaviour> Handler<Stop> for Shell<B> {
    type Result = ();

    fn handle(&mut self, _: Stop, context: &mut Self::Context) {
        context.stop();
    }
}

struct Panicked {
    message: &'static str,
    panic: Box<dyn Any + Send>,
}

impl Message for Panicked {
    type Result = ();
}

impl<B: Behaviour> Handler<Panicked> for Shell<B> {
    type Result = ();

    fn handle(&mut self, panicked: Panicked, _: &mut Self::Context) {
        self.restart(panicked.message, &*panicked.panic);
    }
}

struct TickEnded {
    panic: Option<Box<dyn Any + Send>>,
}

impl Message for TickEnded {
    type Result = ();
}

impl<B: Behaviour> Handler<TickEnded> for Shell<B> {
    type Result = ();

    fn handle(&mut self, ended: TickEnded, _: &mut Self::Context) {
        self.ticking = false;
        if let Some(panic) = ended.panic {
            self.restart("tick", &*panic);
        }
    }
}

/// The text of a panic, when it has one.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&'static str>() {
        return text;
    }
    panic.downcast_ref::<String>().map_or("(no text)", String::as_str)
}
