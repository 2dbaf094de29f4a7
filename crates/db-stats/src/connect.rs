use deadpool_postgres::Connect;
use perfect21_meter::{Counter, LatencyCell};
use std::{pin::Pin, sync::Arc, time::Instant};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls};

/// What opening connections has cost.
#[derive(Debug, Default)]
pub(crate) struct ConnectCounts {
    pub opened: LatencyCell,
    pub failed: Counter,
}

/// Opens connections and times it.
#[derive(Debug, Clone)]
pub(crate) struct TimedConnect(pub Arc<ConnectCounts>);

impl Connect for TimedConnect {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            let start = Instant::now();
            match config.connect(NoTls).await {
                Ok((client, connection)) => {
                    self.0.opened.record(start.elapsed());
                    // How it ended is seen by the statements on it.
                    let driver = tokio::spawn(async { drop(connection.await) });
                    Ok((client, driver))
                }
                Err(error) => {
                    self.0.failed.increment();
                    Err(error)
                }
            }
        })
    }
}
