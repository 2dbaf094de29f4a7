//! Who keeps a client connected, and who ends it.

use fred::{clients::Client, interfaces::ClientLike, types::ConnectHandle};
use std::time::Duration;
use tokio::{runtime::Handle, task::JoinHandle, time::sleep};

/// A task that ends with its owner.
pub(super) struct Driver(JoinHandle<()>);

impl Driver {
    /// fred reconnects by itself, except after errors that it holds for final; a server can be mended while we run.
    pub(super) fn start(client: Client, connection: ConnectHandle) -> Self {
        Self(tokio::spawn(async move {
            let mut connection = Connection(connection);
            loop {
                // How it ended has been told to every command that waited.
                let _ = (&mut connection.0).await;
                sleep(Duration::from_secs(1)).await;
                connection = Connection(client.connect());
            }
        }))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Connection(ConnectHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A first attempt to connect, which must not go on when nobody waits for it.
pub(super) struct Attempt {
    client: Client,
    ended: bool,
}

impl Attempt {
    pub(super) fn of(client: &Client) -> Self {
        Self { client: client.clone(), ended: false }
    }

    pub(super) fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let (false, Ok(runtime)) = (self.ended, Handle::try_current()) {
            let client = self.client.clone();
            runtime.spawn(async move { client.quit().await });
        }
    }
}
