use super::Connection;
use crate::error::Error;
use bytes::Bytes;
use futures_util::{SinkExt, Stream, StreamExt};
use std::pin::pin;

impl Connection {
    /// Sends data to a `COPY … FROM STDIN` and returns how many rows it made. At most one chunk is held besides the
    /// buffers of the socket.
    ///
    /// # Errors
    /// As [`query`](Self::query); nothing was copied then.
    ///
    /// # Cancel safety
    /// Dropped before its end, nothing is copied.
    pub async fn copy_in(&mut self, sql: &str, data: impl Stream<Item = Bytes>) -> Result<u64, Error> {
        let call = self.begin(sql).await?;
        // It takes as long as its data does: the time-out is the server's alone.
        self.lease.tenure.end();
        let lease = &mut self.lease;
        let copy = async {
            let statement = lease.statement(sql).await?;
            let mut sink = pin!(lease.client.copy_in::<_, Bytes>(&statement).await?);
            let mut data = pin!(data);
            while let Some(chunk) = data.next().await {
                sink.feed(chunk).await?;
            }
            Ok(sink.finish().await?)
        };
        let result = copy.await;
        call.end(&mut self.lease, result, |rows| *rows, &[])
    }

    /// Passes the data of a `COPY … TO STDOUT` on as it comes, and returns how many chunks there were: one a row.
    ///
    /// # Errors
    /// As [`query`](Self::query); what was passed on is then not all.
    ///
    /// # Cancel safety
    /// As the [type](Self) says.
    pub async fn copy_out(&mut self, sql: &str, mut each: impl FnMut(Bytes)) -> Result<u64, Error> {
        let call = self.begin(sql).await?;
        // It takes as long as its data does: the time-out is the server's alone.
        self.lease.tenure.end();
        let lease = &mut self.lease;
        let copy = async {
            let statement = lease.statement(sql).await?;
            let mut rows = pin!(lease.client.copy_out(&statement).await?);
            let mut count = 0;
            while let Some(chunk) = rows.next().await {
                each(chunk?);
                count += 1;
            }
            Ok(count)
        };
        let result = copy.await;
        call.end(&mut self.lease, result, |rows| *rows, &[])
    }
}
