//! The composition root: configuration, then pools, actors, services, and two HTTP servers; and the way back down.

mod accounts;
mod carriers;
mod certification;
mod house;
mod housekeeping;
mod insight;
mod key_age;
mod master_keys;
mod mfa;
mod organizations;
mod ports;
mod probes;
mod register;
mod register_tokens;
mod registers;
mod reload;
mod remote;
mod signing_keys;

pub use registers::register_for_refresh;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App as ActixApp, HttpServer};
use identite_actors::clock::SharedClock;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use self::house::{House, workers};
pub(crate) use self::master_keys::master_keys;
pub use self::register::register;
pub use self::register_tokens::keep_token;
pub use self::reload::ReadConfig;
use crate::config::Config;
use crate::telemetry::Telemetry;
use crate::testing;
use crate::web::{access_log, operator, routes};

/// A request's head must be complete within this time: slow clients hold no worker.
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// What the mails in delivery get even when running requests have used up the time to stop.
const LAST_MOMENT: Duration = Duration::from_secs(1);
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Connections that may wait to be accepted; the kernel has a limit of its own (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Why the server did not start, or did not stop well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {address}: {cause}")]
    Listen { address: String, cause: std::io::Error },
    #[error("{variable}: {problem}")]
    Setting { variable: &'static str, problem: String },
    #[error("the pages cannot be prepared: {0}")]
    Pages(String),
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Refused(String),
}

/// What the process brings along, besides its configuration.
pub struct Process {
    pub clock: SharedClock,
    /// It drives the connections that all threads share.
    pub io: Handle,
    /// The log, whose threshold may change.
    pub telemetry: Telemetry,
    /// What `SIGHUP` re-reads.
    pub read_config: ReadConfig,
}

/// Serves until a stop signal, then stops in order.
///
/// # Errors
/// When something that serving needs cannot be had: a port, a usable setting, a secret that is not public.
pub async fn serve(config: Config, process: Process) -> Result<(), ServeError> {
    let port = config.server.port;
    let public = match config.server.listen_address {
        Some(address) => listen((address, port))?,
        None => listen_everywhere(port)?,
    };
    let private = listen(config.server.operator_listen)?;
    let deadline = config.server.shutdown_deadline;
    let house = House::build(&config, process.clock, &process.io, &process.telemetry).await?;
    let reloadable = house.reloadable(&config, process.telemetry);
    actix_web::rt::spawn(async move {
        if let Err(error) = reloadable.at_each_hangup(process.read_config).await {
            tracing::warn!(%error, "SIGHUP is not listened to");
        }
    });

    let public_address = public.local_addr()?;
    let people = people_server(&config, &house, public, deadline)?;
    let operators = operator_server(&house, private)?;
    tracing::info!("application is listening on port {}", public_address.port());
    tracing::info!(
        "in {} {} mode",
        config.deploy_env.as_str(),
        config.node_env.as_str()
    );
    tracing::info!(host = %config.server.host, operators = %config.server.operator_listen, "ready");

    let people_handle = people.handle();
    let operators_handle = operators.handle();
    let running = actix_web::rt::spawn(people);
    let watching = actix_web::rt::spawn(operators);
    stop_signal().await?;
    house
        .stop(
            people_handle,
            operators_handle,
            config.server.shutdown_notice,
            deadline,
        )
        .await;
    for ended in [running.await, watching.await] {
        ended.map_err(|error| ServeError::Io(std::io::Error::other(error)))??;
    }
    tracing::info!("stopped");
    Ok(())
}

impl House {
    /// Stops in order: no new requests, running requests finish, current mails leave, what is noted is written.
    async fn stop(
        &self,
        people: ServerHandle,
        operators: ServerHandle,
        notice: Duration,
        deadline: Duration,
    ) {
        tracing::info!("stopping");
        self.operator.readiness.stop();
        tokio::time::sleep(notice).await;
        let give_up_at = Instant::now() + deadline;
        people.stop(true).await;
        let rest = give_up_at
            .saturating_duration_since(Instant::now())
            .max(LAST_MOMENT);
        match self.outbox.drain(rest).await {
            Ok(0) => {}
            Ok(left) => tracing::warn!(
                left,
                "mails in delivery were left to another node or the next start"
            ),
            Err(error) => tracing::warn!(%error, "the outbox did not drain"),
        }
        if let Err(error) = self.rooms.sessions.flush().await {
            tracing::warn!(%error, "the last uses of sessions were not recorded");
        }
        let access_log = self.rooms.access_log.clone();
        let _ = tokio::task::spawn_blocking(move || access_log.flush()).await;
        operators.stop(false).await;
    }
}

fn people_server(
    config: &Config,
    house: &House,
    listener: TcpListener,
    deadline: Duration,
) -> Result<actix_web::dev::Server, ServeError> {
    let (rooms, assets) = (house.rooms.clone(), house.assets.clone());
    let mocks = house.mocks.clone();
    let mut server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(Data::new(rooms.for_this_worker()))
            .app_data(assets.clone())
            .wrap(from_fn(access_log::around))
            .configure(|config| {
                if let Some(mocks) = &mocks {
                    testing::mount(config, mocks);
                }
            })
            .configure(routes::mount)
    })
    .client_request_timeout(REQUEST_HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(deadline.as_secs())
    .disable_signals();
    server = server.workers(workers(config));
    Ok(server.listen(listener)?.run())
}

fn operator_server(house: &House, listener: TcpListener) -> Result<actix_web::dev::Server, ServeError> {
    let operator = house.operator.clone();
    let server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(operator.clone())
            .configure(operator::mount)
    })
    .workers(1)
    .client_request_timeout(REQUEST_HEAD_TIMEOUT)
    .disable_signals();
    Ok(server.listen(listener)?.run())
}

/// On all interfaces, by one socket for IPv6 and IPv4, as the reference listens; by IPv4 alone where the machine has no IPv6.
fn listen_everywhere(port: u16) -> Result<TcpListener, ServeError> {
    match dual_stack(port) {
        Err(cause) if cause.kind() == ErrorKind::AddrInUse => Err(ServeError::Listen {
            address: format!("[::]:{port}"),
            cause,
        }),
        Err(_) => listen((Ipv4Addr::UNSPECIFIED, port)),
        Ok(listener) => Ok(listener),
    }
}

/// What the standard library does for a listener, and IPv4 besides, whatever the system's default (`net.ipv6.bindv6only`).
fn dual_stack(port: u16) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_only_v6(false)?;
    // Connections of before a restart, which linger, do not keep the port.
    socket.set_reuse_address(true)?;
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn listen(address: impl ToSocketAddrs + std::fmt::Debug + Clone) -> Result<TcpListener, ServeError> {
    let shown = format!("{address:?}");
    let listener = TcpListener::bind(address).map_err(|cause| ServeError::Listen {
        address: shown,
        cause,
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn stop_signal() -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn people_are_answered_by_both_families_of_addresses() {
        let listener = listen_everywhere(0).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection by IPv4");
        let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        if has_ipv6 {
            TcpStream::connect((Ipv6Addr::LOCALHOST, port)).expect("a connection by IPv6");
        }
    }

    #[test]
    fn a_port_is_listened_on_once() {
        let listener = listen_everywhere(0).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let told = listen_everywhere(port).expect_err("taken").to_string();
        assert!(
            told.starts_with("cannot listen on") && told.contains(&port.to_string()),
            "{told}"
        );
    }
}
